"""An evaluation as one self-contained page: tables and drawn plots, no photo inside, so it can be shared and kept."""

import html
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from model.card import ModelCard
from model.files import replacing
from model.problems import load_problems

matplotlib.use("Agg")

REPORT_FILE = "report.html"
PLOT_FILE = "evaluation.svg"
COLOURS = ("#b3541e", "#8a6d00", "#6b3fa0", "#3b4a54", "#1769aa", "#2e7d32", "#ad1457", "#00838f")
BINS = 10
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #d8dee4; white-space: nowrap }
th:first-child, td:first-child { text-align: left } svg { max-width: 100%; height: auto }
"""

Floats = npt.NDArray[np.floating]


def write_report(evaluation: Mapping[str, Any], labels: Floats, scores: Floats, card: ModelCard, out: Path) -> None:
    """Write report.html and evaluation.svg.

    Args:
        evaluation: what `training.evaluate` measured.
        labels: (photos, labels) 1, 0, NaN.
        scores: (photos, labels) calibrated.
    """
    figure = draw_evaluation(evaluation, labels, scores, card)
    with replacing(out / PLOT_FILE) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    with replacing(out / REPORT_FILE) as temporary:
        temporary.write_text(_page(evaluation, svg[svg.index("<svg") :]), encoding="utf-8")


def draw_evaluation(evaluation: Mapping[str, Any], labels: Floats, scores: Floats, card: ModelCard) -> Figure:
    """F1 with intervals, precision against recall, calibration, and what is said of each source."""
    matplotlib.rcParams["svg.hashsalt"] = "evaluation"  # the same numbers give the same file
    names = [load_problems()[label].name_en for label in card.labels]
    sources = evaluation["sources"]
    figure = Figure(figsize=(13, 8.5 + 0.2 * len(sources)), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[5, 3.5 + 0.2 * len(sources)])
    f1_axes, recall_axes, calibration_axes = upper.subplots(1, 3)
    _draw_f1(f1_axes, evaluation, card.labels, names)
    for column, (name, label) in enumerate(zip(names, card.labels, strict=True)):
        judged = ~np.isnan(labels[:, column])
        truth, score = labels[judged, column], scores[judged, column]
        if not (truth == 1).any():
            continue
        colour = COLOURS[column % len(COLOURS)]
        precision, recall, _ = precision_recall_curve(truth, score)
        recall_axes.plot(recall, precision, color=colour, label=name)
        at = evaluation["problems"][label]
        if at["precision"]["value"] is not None:
            recall_axes.plot(at["recall"]["value"], at["precision"]["value"], "o", color=colour)
        calibration_axes.plot(*_calibration_points(truth, score), "o-", ms=4, color=colour, label=name)
    recall_axes.set(xlabel="recall", ylabel="precision", title="precision and recall (dot: as served)")
    recall_axes.set(xlim=(0.5, 1.01), ylim=(0.5, 1.01))
    recall_axes.legend(loc="lower left", frameon=False)
    calibration_axes.plot([0, 1], [0, 1], color="#999", lw=1)
    calibration_axes.set(xlabel="score", ylabel="share that shows it", title=f"calibration ({BINS} bins)")
    _draw_sources(lower.subplots(), sources, card.labels, names)
    return figure


def _draw_f1(axes: Axes, evaluation: Mapping[str, Any], labels: tuple[str, ...], names: list[str]) -> None:
    figures = [evaluation["problems"][label]["f1"] for label in labels] + [evaluation["macro_f1"]]
    named = reversed(list(zip([*names, "macro"], figures, strict=True)))
    rows = [(name, figure) for name, figure in named if figure["value"] is not None]
    for place, (_, figure) in enumerate(rows):
        value = figure["value"]
        axes.plot([figure["low"], figure["high"]], [place, place], color="#b9c4cd", lw=6, solid_capstyle="butt")
        axes.plot(value, place, "o", color="#12344d")
        axes.annotate(f"{value:.3f}", (value, place), (0, 8), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set(title="F1 with 95 % interval", ylim=(-0.5, len(rows) - 0.3))
    axes.margins(x=0.12)


def _calibration_points(truth: Floats, score: Floats) -> tuple[list[float], list[float]]:
    bin_of = np.minimum((score * BINS).astype(int), BINS - 1)
    filled = [index for index in range(BINS) if (bin_of == index).any()]
    shown = [float(truth[bin_of == index].mean()) for index in filled]
    return [float(score[bin_of == index].mean()) for index in filled], shown


def _draw_sources(axes: Axes, sources: list[dict[str, Any]], labels: tuple[str, ...], names: list[str]) -> None:
    """Rows: sources. Columns: the share of their photos in which each problem was found, or that went to a person."""
    shares = [
        [source["found"][label] / source["photos"] for label in labels] + [source["verdicts"]["review"]["value"]]
        for source in sources
    ]
    axes.imshow(np.array(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto")
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


def problem_table(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """Header and one row a problem, as text; for the report and for the README of a release."""
    problems = load_problems()
    rows = [["problem", "shown in", "precision", "recall", "F1", "AP", "calibration error"]]
    for label, figures in evaluation["problems"].items():
        ece = figures["expected_calibration_error"]
        rows.append(
            [
                f"{problems[label].name_zh} `{label}`",
                f"{figures['positives']} of {figures['judged']}",
                *(interval_text(figures[name]) for name in ("precision", "recall", "f1", "average_precision")),
                "-" if ece is None else f"{ece:.3f}",
            ]
        )
    return rows


def source_table(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """Header and one row a source and problem it shows; sources without any get one row."""
    rows = [
        ["source", "kind", "photos", "problem shown", "in", "precision", "recall", "F1", "a problem found", "review"]
    ]
    for source in evaluation["sources"]:
        said = [interval_text(source["verdicts"][verdict]) for verdict in ("problem", "review")]
        for label, figures in (source["problems"] or {"none": None}).items():
            shown = ["-"] * 4
            if figures:
                precision, f1 = (_number(figures[name]) for name in ("precision", "f1"))
                shown = [str(figures["positives"]), precision, interval_text(figures["recall"]), f1]
            rows.append([source["source"], source["kind"], str(source["photos"]), label, *shown, *said])
    return rows


def interval_text(figure: Mapping[str, float | None]) -> str:
    """`0.912 (0.880-0.941)`."""
    if figure["value"] is None:
        return "-"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _page(evaluation: Mapping[str, Any], svg: str) -> str:
    model, data, normal = evaluation["model"], evaluation["data"], evaluation["normal_photos"]
    said = {
        "macro F1": interval_text(evaluation["macro_f1"]),
        f"false alarms on {normal['photos']} normal photos": interval_text(normal["false_alarms"]),
        "normal photos left to a person": interval_text(normal["review"]),
        "all photos left to a person": interval_text(evaluation["verdicts"]["review"]),
        f"exactly right among {evaluation['answered']['photos']} answered": interval_text(
            evaluation["answered"]["exactly_right"]
        ),
    }
    if outside := evaluation.get("outside_the_problems"):
        said["photos outside the problems: called a problem"] = interval_text(outside["verdicts"]["problem"])
        said["photos outside the problems: left to a person"] = interval_text(outside["verdicts"]["review"])
    if same := evaluation.get("same_place"):
        said["pairs of different places taken for one"] = interval_text(same["elsewhere"]["passed"])
        said["photos that follow each other taken for one place"] = interval_text(same["alike"]["passed"])
    title = f"{model['name']} {model['version']} on {evaluation['photos']} photos of split {data['split']}"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>
<h1>{html.escape(title)}</h1>
<p>Figures with 95 % intervals: bootstrap over photos (seed {evaluation["seed"]}), Wilson for shares.
Data {data["fingerprint"][:12]}.</p>
{_html_table([["figure", "value (95 % interval)"], *([name, text] for name, text in said.items())])}
<h2>Per problem</h2>
{_html_table(problem_table(evaluation))}
{svg}
<h2>Per source</h2>
{_html_table(source_table(evaluation))}
</html>
"""


def _html_table(rows: list[list[str]]) -> str:
    head, *body = (["<td>" + html.escape(cell) + "</td>" for cell in row] for row in rows)
    lines = ["<tr>" + "".join(head).replace("td>", "th>") + "</tr>", *("<tr>" + "".join(row) + "</tr>" for row in body)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"
