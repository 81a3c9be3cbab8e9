"""What a district makes of the national codes: some replaced by its own, and the region before them.

Only who reports a case needs to know; the model and its training never see a code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from model.codes import Code, CodeTable, Kind
from model.problems import Problem

ITEM_DIGITS = 5
"""Of a code that stands behind a region: 大类 2 + 小类 3. The standard before had 4 and no such form."""

_KINDS: tuple[Kind, ...] = ("event", "component")
_EXAMPLE = '{"gbt-47678.5-2026": {"graffiti": "06004"}}'


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """A code that a district uses instead of the national one."""

    kind: Kind
    code: str


Replacements = Mapping[str, Mapping[str, Replacement]]
"""Standard → problem key → its code in this district."""


@dataclass(frozen=True, kw_only=True)
class DistrictCode(Code):
    """What a district calls a problem."""

    item_code: str | None
    """事项代码: region and code. None where no region is set, and for a 部件, whose full code names the one object."""


DistrictCodeTable = Mapping[str, DistrictCode]
"""Problem key → its code; a problem without one is absent."""


def read_replacements(text: str) -> Replacements:
    """The replacements that are written as JSON, such as {"gbt-47678.5-2026": {"graffiti": "06004"}}.

    Raises:
        ValueError: what is wrong and how it should look.
    """
    try:
        standards = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON ({error}); write it like {_EXAMPLE}") from error
    if not isinstance(standards, dict) or not all(isinstance(codes, dict) for codes in standards.values()):
        raise ValueError(f"expected a code per standard and problem, like {_EXAMPLE}")
    return {
        standard: {key: _replacement(f"{standard}: {key}", found) for key, found in codes.items()}
        for standard, codes in standards.items()
    }


def apply_replacements(
    tables: Mapping[str, CodeTable],
    problems: Mapping[str, Problem],
    replacements: Replacements,
    region: str | None = None,
) -> Mapping[str, DistrictCodeTable]:
    """The code tables of a district.

    Args:
        region: 行政区划, 6 digits.

    Raises:
        ValueError: a replacement names an unknown standard or problem, or has another number of digits than the
            codes of its standard.
    """
    for standard, codes in replacements.items():
        if standard not in tables:
            raise ValueError(f"{standard!r} is not a standard, known are {', '.join(tables)}")
        digits = {len(code.code) for code in tables[standard].values()}
        for key, found in codes.items():
            if key not in problems:
                raise ValueError(f"{standard}: {key!r} is not a problem, known are {', '.join(problems)}")
            if digits and len(found.code) not in digits:
                expected = " or ".join(map(str, sorted(digits)))
                raise ValueError(f"{standard}: {key} has the code {found.code!r}, codes of it have {expected} digits")
    return MappingProxyType(
        {
            standard: _apply_to_table(standard, table, replacements.get(standard, {}), region)
            for standard, table in tables.items()
        }
    )


def _apply_to_table(
    standard: str, table: CodeTable, replacements: Mapping[str, Replacement], region: str | None
) -> DistrictCodeTable:
    national = {key: Replacement(kind=code.kind, code=code.code) for key, code in table.items()}
    return MappingProxyType(
        {
            key: DistrictCode(standard=standard, kind=found.kind, code=found.code, item_code=_item_code(found, region))
            for key, found in {**national, **replacements}.items()
        }
    )


def _item_code(found: Replacement, region: str | None) -> str | None:
    if region is None or found.kind != "event" or len(found.code) != ITEM_DIGITS:
        return None
    return region + found.code


def _replacement(where: str, found: Any) -> Replacement:
    stated = found if isinstance(found, dict) else {"code": found}
    code, kind = stated.get("code"), stated.get("kind", "event")
    if not isinstance(code, str) or not (code.isascii() and code.isdigit()) or set(stated) - {"code", "kind"}:
        expected = 'digits in quotes, or {"kind": "component", "code": "03005"}'
        raise ValueError(f"{where} is {json.dumps(found)}, expected {expected}")
    if kind not in _KINDS:
        raise ValueError(f"{where} has the kind {json.dumps(kind)}, expected event or component")
    return Replacement(kind=kind, code=code)
