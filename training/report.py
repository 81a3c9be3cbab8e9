"""An evaluation as one page that needs nothing beside it: tables, the drawing, small pictures of the worst mistakes.

The pictures are photos of the set, so the page goes where the set may go. evaluation.json and evaluation.svg hold none.
"""

import base64
import html
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.card import ModelCard
from model.files import replacing
from model.preprocessing import copy_photo
from training.mistakes import said_of, worst_mistakes, wrong_labels
from training.plots import draw_evaluation
from training.scoring import DecidedPhotos
from training.tables import (
    Table,
    figure_table,
    mistake_table,
    problem_table,
    robustness_table,
    said_name,
    said_table,
    source_table,
    stability_table,
)

REPORT_FILE = "report.html"
PLOT_FILE = "evaluation.svg"
THUMBNAIL_SIDE = 160  # pixels, the longer
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
table { font-size: 14px } th, td { padding: .25rem .6rem; border-bottom: 1px solid #d8dee4; white-space: nowrap }
th, td { text-align: right } .text { text-align: left } svg { max-width: 100%; height: auto }
h2 { margin-top: 2.5rem } p { max-width: 46rem }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.5rem 1rem }
figure { margin: 0; font-size: 13px; line-height: 1.4 } figcaption { overflow-wrap: anywhere }
figcaption b { font-weight: 600 } .wrong { color: #a8321a } .file { color: #5b6875 }
"""


def write_report(evaluation: Mapping[str, Any], decided: DecidedPhotos, card: ModelCard, out: Path) -> None:
    """Write report.html and evaluation.svg.

    Args:
        evaluation: what `training.evaluate` measured.
        decided: the photos it measured; the files of the worst mistakes are read again.
    """
    drawn = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # what matplotlib would say about the drawing
    draw_evaluation(evaluation, decided, card.labels).savefig(drawn, format="svg", metadata=nothing)
    svg = drawn.getvalue()
    with replacing(out / PLOT_FILE) as temporary:
        temporary.write_text(svg, encoding="utf-8")
    page = _page(evaluation, svg[svg.index("<svg") :], _mistakes(decided, card))
    with replacing(out / REPORT_FILE) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _page(evaluation: Mapping[str, Any], svg: str, pictures: str) -> str:
    model, data = evaluation["model"], evaluation["data"]
    title = f"{model['name']} {model['version']} on {evaluation['photos']} photos of split {data['split']}"
    outside = evaluation.get("outside_the_problems", {"kinds": []})
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>
<h1>{html.escape(title)}</h1>
<p>Figures with 95 % intervals: bootstrap over photos (seed {evaluation["seed"]}), Wilson for shares.
Data {data["fingerprint"][:12]}. This page holds photos of the set.</p>
{_html_table(figure_table(evaluation))}
<h2>Per problem</h2>
{_html_table(problem_table(evaluation))}
{svg}
<h2>What is said, by what photos were collected as</h2>
<p>Photos in which each problem is found, and photos of which nothing is found. A photo in which two problems are found
counts twice; one may also show more than what it was collected as.</p>
{_html_table(said_table(evaluation["kinds"]))}
{_outside(outside["kinds"])}{_robustness(evaluation.get("robustness"))}
<h2>Mistakes</h2>
<p>{evaluation["mistakes"]["photos"]} of {evaluation["photos"]} photos are not exactly right. A photo left to a person
is counted if it shows a problem. The largest groups, each with its share of the photos of that source that show the
same:</p>
{_html_table(mistake_table(evaluation["mistakes"]))}
<h2>The worst mistakes</h2>
<p>Wrong answers, the surest first; photos left to a person are not among them.</p>
<div class="photos">
{pictures}
</div>
<h2>Per source</h2>
{_html_table(source_table(evaluation))}
</html>
"""


def _outside(kinds: list[dict[str, Any]]) -> str:
    if not kinds:
        return ""
    return f"<p>Photos outside the problems, in which nothing should be found:</p>\n{_html_table(said_table(kinds))}\n"


def _robustness(robustness: Mapping[str, Any] | None) -> str:
    if not robustness:
        return ""
    return f"""<h2>On worse photos</h2>
<p>{robustness["photos"]} photos of split {robustness["data"]["split"]}, changed as phones, weather and chat programs
change them (seed {robustness["seed"]}). Severity 3: a person sees it at once and still recognises the problem.</p>
{_html_table(robustness_table(robustness))}
<p>The same photo sent by another road, or with 5 % of a side cut off or added: for how many the answer stays as it
was.</p>
{_html_table(stability_table(robustness))}
"""


def _mistakes(decided: DecidedPhotos, card: ModelCard) -> str:
    wrong = wrong_labels(decided.labels, decided.found)
    figures = []
    for row in worst_mistakes(decided, card):
        photo, decision = decided.photos[row], decided.decisions[row]
        picture = base64.b64encode(copy_photo(photo.path.read_bytes(), THUMBNAIL_SIDE)).decode()
        shown = [label for label, truth in zip(card.labels, decided.labels[row], strict=True) if truth == 1]
        blank = [label for label, truth in zip(card.labels, decided.labels[row], strict=True) if math.isnan(truth)]
        scores = [
            f'<span class="wrong">{label} {score:.2f}</span>' if is_wrong else f"{label} {score:.2f}"
            for label, score, is_wrong in zip(card.labels, decided.scores[row], wrong[row], strict=True)
        ]
        figures.append(
            f'<figure><img src="data:image/jpeg;base64,{picture}" alt=""><figcaption>'
            f"<b>said {html.escape(said_name(said_of(decision)))}</b>, shows {'+'.join(shown) or 'none'}"
            f"{', not judged: ' + '+'.join(blank) if blank else ''}<br>"
            f"{', '.join(scores)}<br>"
            f'<span class="file">{html.escape(photo.source)}<br>{html.escape(photo.file)}</span>'
            "</figcaption></figure>"
        )
    return "\n".join(figures) or "<p>None.</p>"


def _html_table(rows: Table) -> str:
    """Columns of words stand to the left, columns of figures to the right."""
    words = [any(row[column][:1].isalpha() for row in rows[1:]) for column in range(len(rows[0]))]
    lines = []
    for tag, row in zip(["th", *["td"] * len(rows[1:])], rows, strict=True):
        cells = (
            f"<{tag}{' class=text' if left else ''}>{html.escape(cell)}</{tag}>"
            for cell, left in zip(row, words, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"
