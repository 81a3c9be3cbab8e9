"""The chart of the README: requests a second at 8 clients beside what the machine could do, drawn from the JSON.

python -m benchmarks.chart benchmarks/results/latest.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_CLIENTS = 8
_SIZES = ("0.3 MP", "12 MP")
_CEILING = "decode + infer\nwithout HTTP"
_NAMES = {"tutorial FastAPI": "tutorial\nFastAPI"}
_OURS, _PEER, _LIMIT = "#0f766e", "#94a3b8", "#e2e8f0"


def draw(cells: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the SVG; `cells` as the JSON holds them."""
    style: dict[Any, Any] = {
        "svg.hashsalt": "xuntu",  # the same file from the same figures
        "svg.fonttype": "none",  # text stays text, in the reader's fonts
        "font.family": "sans-serif",
        "font.size": 11,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(9, 3), layout="constrained")
        for axes, photos in zip(figure.subplots(1, len(_SIZES)), _SIZES, strict=True):
            _draw_size(axes, [cell for cell in cells if (cell["photos"], cell["clients"]) == (photos, _CLIENTS)])
            axes.set_title(f"{photos} photos, {_CLIENTS} clients", loc="left", fontsize=11, fontweight="bold")
        figure.savefig(path, metadata={"Date": None})


def _draw_size(axes: Axes, cells: Sequence[Mapping[str, Any]]) -> None:
    ceiling = next((cell["ceiling_photos_a_second"] for cell in cells if cell["server"] == "xuntu"), 0)
    bars = [(_CEILING, ceiling, _LIMIT)]
    for cell in cells:
        name = cell["server"]
        bars.append((_NAMES.get(name, name), cell["requests_a_second"], _OURS if name == "xuntu" else _PEER))
    bars.reverse()
    drawn = axes.barh([name for name, _, _ in bars], [value for _, value, _ in bars], color=[c for _, _, c in bars])
    axes.bar_label(drawn, fmt="%.0f/s", padding=4)
    axes.set_xlim(0, max(value for _, value, _ in bars) * 1.18)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelbottom=False)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(json.loads(source.read_text(encoding="utf-8"))["cells"], source.with_suffix(".svg"))
