"""An evaluation as tables of text, header first: for the terminal, the report and the README of a release."""

from collections.abc import Iterable, Mapping
from typing import Any

from model.decision import Verdict
from model.problems import load_problems

Table = list[list[str]]


def figure_table(evaluation: Mapping[str, Any]) -> Table:
    """What to know first, one figure a row."""
    normal, answered, coverage = (evaluation[name] for name in ("normal_photos", "answered", "coverage"))
    figures = {
        "macro F1": evaluation["macro_f1"],
        f"false alarms on {normal['photos']} normal photos": normal["false_alarms"],
        "normal photos left to a person": normal["review"],
        "all photos left to a person": evaluation["verdicts"]["review"],
        f"exactly right among {answered['photos']} answered": answered["exactly_right"],
    }
    if at := coverage["at"]:
        figures[f"exactly right when the {100 - 100 * at['coverage']:.0f} % least sure go to a person"] = at["accuracy"]
    figures["calibration error, all problems together"] = evaluation["expected_calibration_error"]
    if outside := evaluation.get("outside_the_problems"):
        told = f"{outside['photos']} photos outside the problems"
        figures[f"{told}: called a problem"] = outside["verdicts"]["problem"]
        figures[f"{told}: left to a person"] = outside["verdicts"]["review"]
        by = outside["told_by"].replace("_", " ")
        figures[f"{told}, told from those with a problem by {by}: AUROC"] = outside["auroc"]
        figures[f"{told}, taken for a problem where 95 % with one are kept"] = outside["false_positives_at_95"]
    for severity, mean in evaluation.get("robustness", {}).get("mean", {}).items():
        figures[f"macro F1 on worse photos, mean at severity {severity}"] = mean["macro_f1"]
    for name, case in evaluation.get("cases", {}).items():
        if case["pairs"]:
            said = f"{case['pairs']} cases of two photos ({name.replace('_', ' ')})"
            figures[f"{said}: macro F1"] = case["macro_f1"]
            figures[f"{said}: gained over the best single photo"] = case["gain"]
    if same := evaluation.get("same_place"):
        figures["pairs of different places taken for one"] = same["elsewhere"]["passed"]
        figures["photos that follow each other taken for one place"] = same["alike"]["passed"]
    return [["figure", "value (95 % interval)"], *([name, interval_text(figure)] for name, figure in figures.items())]


def problem_table(evaluation: Mapping[str, Any]) -> Table:
    """One row a problem."""
    problems = load_problems()
    measured = ("precision", "recall", "f1", "average_precision", "expected_calibration_error")
    rows = [["problem", "shown in", "precision", "recall", "F1", "AP", "calibration error"]]
    for label, figures in evaluation["problems"].items():
        name, shown = f"{problems[label].name_zh} `{label}`", f"{figures['positives']} of {figures['judged']}"
        rows.append([name, shown, *(interval_text(figures[figure]) for figure in measured)])
    return rows


def source_table(evaluation: Mapping[str, Any]) -> Table:
    """One row a source and problem it shows; sources without any get one row."""
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


def said_table(kinds: Iterable[Mapping[str, Any]]) -> Table:
    """One row a kind: in how many of its photos each problem is found, or what else is said."""
    kinds = list(kinds)
    said = list(kinds[0]["said"]) if kinds else []
    rows = [[kind["kind"], str(kind["photos"]), *(str(kind["said"][name] or "·") for name in said)] for kind in kinds]
    return [["collected as", "photos", *(said_name(name) for name in said)], *rows]


def robustness_table(robustness: Mapping[str, Any]) -> Table:
    """One row a corruption and severity, then their means; above all the unchanged photos."""
    measured = ("macro_f1", "share_of_unchanged", "review", "false_alarms")
    rows = [["photos", "severity", "macro F1", "of the unchanged", "left to a person", "false alarms"]]
    named = [("unchanged", "-", robustness["unchanged"])]
    named += [(name, at, figures) for name, each in robustness["corruptions"].items() for at, figures in each.items()]
    named += [("mean of all", at, figures) for at, figures in robustness["mean"].items()]
    for name, severity, figures in named:
        shown = [interval_text(figures[figure]) if figure in figures else "-" for figure in measured]
        rows.append([name.replace("_", " "), severity, *shown])
    return rows


def stability_table(robustness: Mapping[str, Any]) -> Table:
    """One row a way of sending or framing the same photo."""
    rows = [["the same photo", "", "same verdict", "same verdict and problems"]]
    for group, shares in robustness["stability"].items():
        rows += [
            [group, name.replace("_", " "), *(interval_text(share[of]) for of in ("verdict", "verdict_and_problems"))]
            for name, share in shares.items()
        ]
    return rows


def mistake_table(mistakes: Mapping[str, Any]) -> Table:
    """One row a group of mistakes, the largest first."""
    rows = [["source", "shown", "said", "photos", "of", "share"]]
    for group in mistakes["groups"]:
        counts = [str(group["photos"]), str(group["of"])]
        rows.append([group["source"], group["shown"], said_name(group["said"]), *counts, interval_text(group["share"])])
    return rows


def left_out_table(figures: Mapping[str, Any]) -> Table:
    """One row a fold and problem, on the origins that were left out; then all folds together."""
    rows = [["fold", "macro F1", "false alarms", "problem", "shown in", "precision", "recall", "F1", "AP", "AUROC"]]
    rows[0].append(f"false alarms at recall {figures['recall']}")
    names = ("precision", "recall", "f1", "average_precision", "auroc", "false_alarms_at_recall")
    for fold in figures["folds"]:
        fold_cells = [fold["name"], interval_text(fold["macro_f1"]), interval_text(fold["false_alarms"])]
        for label, problem in fold["problems"].items():
            parts = [_number(problem[name]) for name in names]
            rows.append([*fold_cells, label, str(problem["positives"]), *parts])
            fold_cells = ["", "", ""]
    mean, worst = figures["macro_f1_mean"], figures["macro_f1_worst"]
    alarms = interval_text(figures["false_alarms"])
    ranked = [_number(figures[name]) for name in names[-2:]]
    return [*rows, [f"mean {mean:.3f}, worst {worst:.3f}", "", alarms, *[""] * 6, *ranked]]


def said_name(said: str) -> str:
    """A verdict in words; problems by their keys."""
    return {Verdict.REVIEW: "left to a person", Verdict.NO_PROBLEM: "no problem"}.get(said, said)


def interval_text(figure: Mapping[str, float | None]) -> str:
    """`0.912 (0.880-0.941)`; `-0.016 (-0.025 to -0.009)` where a dash would be read as a sign."""
    if figure["value"] is None:
        return "-"
    low, high = figure["low"], figure["high"]
    to = " to " if low is not None and low < 0 else "-"
    return f"{figure['value']:.3f} ({low:.3f}{to}{high:.3f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
