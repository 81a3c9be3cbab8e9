"""The catalogue of problems: key, names, what a photo must show and what it is not. The words are in problems.toml."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from model.errors import CatalogueError

Language = Literal["zh", "en"]

PROBLEMS_FILE = Path(__file__).with_name("problems.toml")
_KEY = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One street problem. `key` is its name in labels, JSON and file names; people see the others."""

    key: str
    name_zh: str
    name_en: str
    shows_zh: str
    shows_en: str
    not_zh: str
    not_en: str

    def name(self, language: Language) -> str:
        """The name people read."""
        return self.name_zh if language == "zh" else self.name_en


def load_problems(path: Path = PROBLEMS_FILE) -> Mapping[str, Problem]:
    """All problems by key, in the order of the file.

    Raises:
        CatalogueError: a key or a field is wrong; the message names it.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: not valid TOML ({error}); correct the line it names") from error
    expected = {field.name for field in fields(Problem)} - {"key"}
    problems = {}
    for key, table in tables.items():
        where = f"{path}: [{key}]"
        if not _KEY.fullmatch(key):
            raise CatalogueError(f"{where}: a key is lower-case letters, digits and _, starting with a letter")
        if not isinstance(table, dict) or set(table) != expected:
            found = sorted(table) if isinstance(table, dict) else repr(table)
            raise CatalogueError(f"{where}: has {found}, expected exactly {sorted(expected)}")
        if empty := [name for name, text in table.items() if not isinstance(text, str) or not text.strip()]:
            raise CatalogueError(f"{where}: {', '.join(empty)} must be text; write what people should read")
        problems[key] = Problem(key=key, **table)
    if not problems:
        raise CatalogueError(f"{path}: names no problem; add a table such as [road_damage]")
    return MappingProxyType(problems)
