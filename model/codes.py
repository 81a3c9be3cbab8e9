"""National codes of the problems: an external, versioned map, one table a standard in `codes/`. Never model outputs.

部件 (component) and 事项 (event) reuse the same numbers, so a code is only meaningful as (standard, kind, code).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from model.errors import CatalogueError
from model.problems import Problem

Kind = Literal["event", "component"]

CODES_FOLDER = Path(__file__).with_name("codes")
DEFAULT_STANDARD = "gbt-47678.5-2026"
_KINDS: tuple[Kind, ...] = ("event", "component")


@dataclass(frozen=True, kw_only=True)
class Code:
    """What one standard calls a problem."""

    standard: str
    kind: Kind
    code: str


CodeTable = Mapping[str, Code]
"""Problem key → its code; a problem the standard does not know is absent."""


def load_code_tables(problems: Mapping[str, Problem], folder: Path = CODES_FOLDER) -> Mapping[str, CodeTable]:
    """Every code table by the name of its standard (the file's stem).

    Raises:
        CatalogueError: a table names an unknown problem, or one problem twice.
    """
    tables = {path.stem: _load_table(path, problems) for path in sorted(folder.glob("*.toml"))}
    if DEFAULT_STANDARD not in tables:
        raise CatalogueError(f"{folder}: {DEFAULT_STANDARD}.toml is missing; copy the folder again")
    return MappingProxyType(tables)


def _load_table(path: Path, problems: Mapping[str, Problem]) -> CodeTable:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: not valid TOML ({error}); correct the line it names") from error
    codes: dict[str, Code] = {}
    for kind in _KINDS:
        for key, code in content.get(kind, {}).items():
            if key not in problems:
                raise CatalogueError(f"{path}: [{kind}] {key} is not a problem; known are {', '.join(problems)}")
            if key in codes:
                raise CatalogueError(f"{path}: {key} has an event and a component code; keep the one to report")
            if not isinstance(code, str) or not code.isdigit():
                raise CatalogueError(f'{path}: [{kind}] {key} = {code!r} must be digits in quotes, such as "06010"')
            codes[key] = Code(standard=path.stem, kind=kind, code=code)
    return MappingProxyType(codes)
