"""What was measured, as a table for people and as JSON for programs, and whether the targets are met."""

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.cells import Cell
from benchmarks.processes import PROC, cores

RESULTS_FOLDER = Path(__file__).with_name("results")

_COLUMNS = (
    ("server", lambda cell: cell.server),
    ("photos", lambda cell: cell.photos),
    ("clients", lambda cell: str(cell.clients)),
    ("requests/s", lambda cell: f"{cell.requests_a_second:.1f}"),
    ("ratio", lambda cell: f"{cell.ratio:.2f}"),
    ("cpueff", lambda cell: f"{cell.cpueff:.2f}"),
    ("p50 ms", lambda cell: f"{cell.p50_ms:.1f}"),
    ("p99 ms", lambda cell: f"{cell.p99_ms:.1f}"),
    ("errors", lambda cell: str(cell.errors)),
    ("503s", lambda cell: str(cell.refused)),
    ("PSS MB", lambda cell: f"{cell.megabytes:.0f}"),
    ("live p99 ms", lambda cell: f"{cell.live_p99_ms:.1f}"),
    ("", lambda cell: "" if cell.calm else f"busy: others used {cell.others:.0%}"),
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """One figure to reach, and what was reached."""

    what: str
    bound: str
    reached: float
    met: bool


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    models = [
        line.partition(":")[2].strip() for line in (PROC / "cpuinfo").read_text().splitlines() if "model name" in line
    ]
    packages = {name: version(name) for name in ("onnxruntime", "pillow", "numpy", "fastapi", "uvicorn")}
    return {"cores": cores(), "processor": models[0] if models else "", "python": platform.python_version(), **packages}


def table(cells: Sequence[Cell]) -> str:
    """Columns of equal width; photos and clients ascend, servers stand beside each other."""
    rows = [[title for title, _ in _COLUMNS], *([show(cell) for _, show in _COLUMNS] for cell in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = []
    for row in rows:
        left = [row[column].ljust(widths[column]) for column in range(2)]
        right = [row[column].rjust(widths[column]) for column in range(2, len(_COLUMNS) - 1)]
        lines.append("  ".join([*left, *right, row[-1]]).rstrip())
    return "\n".join(lines)


def targets(cells: Sequence[Cell], server: str) -> list[Target]:
    """Those that this run could measure."""
    of = {(cell.server, cell.photos, cell.clients): cell for cell in cells}
    found = []

    def at_least(what: str, bound: float, reached: float) -> None:
        found.append(Target(what=what, bound=f">= {bound:g}", reached=reached, met=reached >= bound))

    def at_most(what: str, bound: float, reached: float) -> None:
        found.append(Target(what=what, bound=f"<= {bound:g}", reached=reached, met=reached <= bound))

    if large := of.get((server, "12 MP", 8)):
        at_least("12 MP, 8 clients: cpueff", 0.90, large.cpueff)
        at_least("12 MP, 8 clients: ratio", 0.90, large.ratio)
        if tutorial := of.get(("tutorial FastAPI", "12 MP", 8)):
            times = large.requests_a_second / tutorial.requests_a_second
            at_least("12 MP, 8 clients: times the tutorial's requests/s", 5, times)
        at_most("12 MP, 8 clients: PSS MB", 230, large.megabytes)
        at_most("12 MP, 8 clients: /health/live p99 ms", 20, large.live_p99_ms)
    if small := of.get((server, "0.3 MP", 8)):
        at_least("0.3 MP, 8 clients: cpueff", 0.92, small.cpueff)
        at_least("0.3 MP, 8 clients: ratio", 0.90, small.ratio)
    for cell in cells:
        if cell.server == server and cell.clients == 1:
            at_most(f"{cell.photos}, 1 client: p50 / p50 without HTTP", 1.2, cell.p50_ratio)
        if cell.server == server and cell.clients == 32:
            at_most(f"{cell.photos}, 32 clients: p99 / p50", 1.6, cell.p99_ms / cell.p50_ms)
            at_most(f"{cell.photos}, 32 clients: errors", 0, cell.errors)
    if own := [cell for cell in cells if cell.server == server]:
        at_most("seconds until ready", 2, statistics.median(cell.ready_seconds for cell in own))
        at_most("PSS MB after start", 150, statistics.median(cell.megabytes_at_start for cell in own))
    return found


def write(cells: Sequence[Cell], reached: Sequence[Target], path: Path) -> None:
    """All of it, as JSON."""
    content = {
        "machine": machine(),
        "calm": all(cell.calm for cell in cells),
        "cells": [asdict(cell) for cell in cells],
        "targets": [asdict(target) for target in reached],
    }
    write_json(content, path)


def write_json(content: object, path: Path) -> None:
    """Readable JSON, numbers to four decimals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(content), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
