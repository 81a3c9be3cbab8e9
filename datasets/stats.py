"""What a manifest holds: tables for a terminal and one plot. Counts only; it opens no photo."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from datasets.manifest import SPLITS, Manifest
from model.files import replacing

PLOT_FILE = "stats.png"
_COLOURS = {"train": "#4477aa", "val": "#ccbb44", "test": "#ee6677", "ood": "#aa3377"}
_SHADES = {"shown": "#228833", "not shown": "#bbbbbb", "not judged": "#ffffff"}


def tables(manifest: Manifest) -> str:
    """Per problem, per kind and source, per origin; each by split."""
    splits = [split for split in SPLITS if manifest.split(split)]
    judged = _judged(manifest)
    problems = [
        [label, *("/".join(str(judged[label, split, shown]) for shown in _SHADES) for split in splits)]
        for label in manifest.labels
    ]
    sources = Counter((photo.kind, photo.source, photo.split) for photo in manifest.photos)
    by_source = [
        [kind, source, *(str(sources[kind, source, split]) for split in splits)]
        for kind, source in sorted({(kind, source) for kind, source, _ in sources})
    ]
    origins = Counter((photo.origin, photo.split) for photo in manifest.photos)
    totals = Counter(photo.origin for photo in manifest.photos)
    by_origin = [
        [str(photos), *(str(origins[origin, split]) for split in splits), origin]
        for origin, photos in totals.most_common()
    ]
    return "\n\n".join(
        (
            f"{manifest.path}: {len(manifest.photos)} photos, fingerprint {manifest.fingerprint()[:12]}",
            "shown/not shown/not judged\n" + _table(["problem", *splits], problems),
            _table(["kind", "source", *splits], by_source),
            _table(["photos", *splits, "origin"], by_origin),
        )
    )


def plot(manifest: Manifest, folder: Path) -> Path:
    """Draw the counts into `folder`; English names only, since few machines have a font for Chinese."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # a second to import, needed only here
    from matplotlib.figure import Figure

    sources = Counter((photo.kind, photo.source, photo.split) for photo in manifest.photos)
    rows = sorted({(kind, source) for kind, source, _ in sources}, reverse=True)
    bars = [
        (label, split) for label in reversed(manifest.labels) for split in reversed(SPLITS) if manifest.split(split)
    ]
    heights = [0.24 * len(bars) + 0.6, 0.24 * len(rows) + 0.6]
    figure = Figure(figsize=(11, sum(heights) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=heights)

    judged = _judged(manifest)
    names = [f"{label}, {split}" for label, split in bars]
    parts = {shown: [judged[label, split, shown] for label, split in bars] for shown in _SHADES}
    _stacked(above, names, parts, _SHADES)
    above.set_title("What the photos show, by problem and split")
    names = [f"{kind}: {source}" for kind, source in rows]
    parts = {split: [sources[kind, source, split] for kind, source in rows] for split in SPLITS}
    _stacked(below, names, parts, _COLOURS)
    below.set_title("Where they come from, by kind and source")
    below.set_xlabel("photos")

    path = folder / PLOT_FILE
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    return path


def _judged(manifest: Manifest) -> Counter[tuple[str, str, str]]:
    names = {True: "shown", False: "not shown", None: "not judged"}
    return Counter(
        (label, photo.split, names[shown]) for photo in manifest.photos for label, shown in photo.labels.items()
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = [
        "  ".join(
            cell.rjust(width) if cell[:1].isdigit() and cell.replace("/", "").isdigit() else cell.ljust(width)
            for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([texts[0], "-" * min(110, max(map(len, texts))), *texts[1:]])


def _stacked(axes, names, parts, colours) -> None:  # type: ignore[no-untyped-def]  # matplotlib stays out of the imports
    start = [0] * len(names)
    for part, counts in parts.items():
        if any(counts):
            axes.barh(names, counts, left=start, color=colours[part], edgecolor="#555555", linewidth=0.4, label=part)
        start = [left + count for left, count in zip(start, counts, strict=True)]
    axes.set_xlim(0, 1.03 * max(start, default=1))
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
