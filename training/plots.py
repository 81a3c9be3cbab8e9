"""An evaluation as one drawing: F1, precision and recall, calibration, coverage, and what is said of each source."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from model.problems import load_problems
from training.metrics import CALIBRATION_BINS, calibration_bins
from training.scoring import DecidedPhotos

matplotlib.use("Agg")

COLOURS = ("#b3541e", "#8a6d00", "#6b3fa0", "#3b4a54", "#1769aa", "#2e7d32", "#ad1457", "#00838f")
_INTERVAL, _FIGURE = "#b9c4cd", "#12344d"

Floats = npt.NDArray[np.floating]


def draw_evaluation(evaluation: Mapping[str, Any], decided: DecidedPhotos, labels: tuple[str, ...]) -> Figure:
    """All plots of an evaluation.

    Args:
        evaluation: what `training.evaluate` measured.
        decided: the photos it measured.
        labels: problem keys in the order of the columns.
    """
    matplotlib.rcParams["svg.hashsalt"] = "evaluation"  # the same numbers give the same file
    names = [load_problems()[label].name_en for label in labels]
    sources = evaluation["sources"]
    figure = Figure(figsize=(13, 12.5 + 0.2 * len(sources)), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[9, 3.5 + 0.2 * len(sources)])
    (f1_axes, recall_axes), (calibration_axes, coverage_axes) = upper.subplots(2, 2)
    _draw_f1(f1_axes, evaluation, labels, names)
    _draw_columns(recall_axes, calibration_axes, evaluation, decided, labels, names)
    _draw_coverage(coverage_axes, evaluation["coverage"])
    _draw_sources(lower.subplots(), sources, labels, names)
    return figure


def _draw_f1(axes: Axes, evaluation: Mapping[str, Any], labels: tuple[str, ...], names: list[str]) -> None:
    figures = [evaluation["problems"][label]["f1"] for label in labels] + [evaluation["macro_f1"]]
    named = reversed(list(zip([*names, "macro"], figures, strict=True)))
    rows = [(name, figure) for name, figure in named if figure["value"] is not None]
    for place, (_, figure) in enumerate(rows):
        value = figure["value"]
        axes.plot([figure["low"], figure["high"]], [place, place], color=_INTERVAL, lw=6, solid_capstyle="butt")
        axes.plot(value, place, "o", color=_FIGURE)
        axes.annotate(f"{value:.3f}", (value, place), (0, 8), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set(title="F1 with 95 % interval", ylim=(-0.5, len(rows) - 0.3))
    axes.margins(x=0.12)


def _draw_columns(
    recall_axes: Axes,
    calibration_axes: Axes,
    evaluation: Mapping[str, Any],
    decided: DecidedPhotos,
    labels: tuple[str, ...],
    names: list[str],
) -> None:
    """Precision against recall, and shares against scores, one colour a problem."""
    for column, (name, label) in enumerate(zip(names, labels, strict=True)):
        judged = ~np.isnan(decided.labels[:, column])
        truth, score = decided.labels[judged, column], decided.scores[judged, column]
        if not (truth == 1).any():
            continue
        colour = COLOURS[column % len(COLOURS)]
        precision, recall, _ = precision_recall_curve(truth, score)
        recall_axes.plot(recall, precision, color=colour, label=name)
        at = evaluation["problems"][label]
        if at["precision"]["value"] is not None:
            recall_axes.plot(at["recall"]["value"], at["precision"]["value"], "o", color=colour)
        scored, shown, counts = calibration_bins(truth, score)
        calibration_axes.scatter(scored, shown, s=6 + 6 * np.sqrt(counts), color=colour, alpha=0.5, lw=0)
    recall_axes.set(xlabel="recall", ylabel="precision", title="precision and recall (dot: as served)")
    recall_axes.set(xlim=(0.5, 1.01), ylim=(0.5, 1.01))
    recall_axes.legend(loc="lower left", frameon=False)
    calibration_axes.plot([0, 1], [0, 1], color="#999", lw=1)
    scored, shown, _ = calibration_bins(decided.labels, decided.scores)
    calibration_axes.plot(scored, shown, "o-", ms=4, color=_FIGURE, label="all problems together")
    calibration_axes.legend(loc="lower right", bbox_to_anchor=(1, 0.06), frameon=False)
    title = f"calibration ({CALIBRATION_BINS} bins; a larger dot holds more photos)"
    calibration_axes.set(xlabel="score", ylabel="share that shows it", title=title)


def _draw_coverage(axes: Axes, coverage: Mapping[str, Any]) -> None:
    curve = coverage["curve"]
    if not curve:
        return
    answered = [point["coverage"] for point in curve]
    low, value, high = ([point["accuracy"][name] for point in curve] for name in ("low", "value", "high"))
    axes.fill_between(answered, low, high, color=_INTERVAL, alpha=0.6, lw=0)
    axes.plot(answered, value, color=_FIGURE)
    at = coverage["at"]
    axes.plot(at["coverage"], at["accuracy"]["value"], "o", color=_FIGURE)
    text = f"{at['accuracy']['value']:.3f} at {100 * at['coverage']:.0f} %"
    axes.annotate(text, (at["coverage"], at["accuracy"]["value"]), (-8, -16), textcoords="offset points", ha="right")
    axes.set(xlabel="share of photos answered, the surest first", ylabel="exactly right", xlim=(0, 1.01))
    axes.set_title("right answers when the least sure go to a person")


def _draw_sources(axes: Axes, sources: list[dict[str, Any]], labels: tuple[str, ...], names: list[str]) -> None:
    """Rows: sources. Columns: the share of their photos in which each problem was found, or that went to a person."""
    shares = [
        [source["found"][label] / source["photos"] for label in labels] + [source["verdicts"]["review"]["value"]]
        for source in sources
    ]
    edges = (np.arange(count + 1) - 0.5 for count in (len(labels) + 1, len(sources)))
    axes.pcolormesh(*edges, np.array(shares), cmap="Blues", vmin=0, vmax=1)  # shapes, where imshow embeds a picture
    axes.invert_yaxis()
    for row, source in enumerate(shares):
        for column, share in enumerate(source):
            colour = "white" if share > 0.55 else "#33424f"
            axes.text(column, row, f"{share:.0%}" if share else "·", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels) + 1), [*(f"{name}\nfound" for name in names), "left to\na person"])
    axes.set_yticks(
        range(len(sources)), [f"{s['kind']}: {s['source'][:40]} ({s['photos']})" for s in sources], fontsize=8
    )
    axes.xaxis.tick_top()
    axes.set_title("what is said of the photos of each source")
