"""The README of a release: what the model is for, how good it is, where it is wrong, whose photos it learned from."""

from collections.abc import Mapping
from typing import Any

from model.card import ModelCard
from model.problems import load_problems
from training.report import PLOT_FILE
from training.tables import (
    Table,
    figure_table,
    left_out_table,
    mistake_table,
    problem_table,
    robustness_table,
    source_table,
    stability_table,
)


def write_model_card(card: ModelCard) -> str:
    """Markdown, from the figures in the card alone."""
    evaluation = card.evaluation
    return f"""# {card.name} {card.version}

EfficientNet-Lite0, {card.input_side}x{card.input_side} px, one independent score a problem: {", ".join(card.labels)}.
Served and measured in {card.precision}{_gate_line(card)}.
Written by `python -m training release`; unless said otherwise every figure is of the test split
({evaluation["photos"]} photos). In brackets: 95 % intervals (bootstrap over photos, seed {evaluation["seed"]};
Wilson for shares).

## What it is for, and what not

It sorts photos that patrol staff take of streets: which of the {len(card.labels)} problems they show, none, or that a
person should look. It is an aid for people who decide, not evidence: it cannot see who owns a place, whether writing
was permitted, or how deep water is. It is not for recognising people, plates or places, and not for other uses of
photos. What each problem means, and where two meet, is written in `model/problems.toml` and `datasets/README.md`.

## How good it is

{_markdown(figure_table(evaluation))}

{_markdown(problem_table(evaluation))}

![F1, precision and recall, calibration, coverage, sources]({PLOT_FILE})
{_left_out(card, evaluation)}{_robustness(evaluation)}
## What is said from which score

{_markdown(_threshold_table(card))}
{_familiar_line(card)}
## Where it is wrong

{_markdown(mistake_table(evaluation["mistakes"]))}

What a model can learn from these photos that is not true outside, source by source, is in `datasets/README.md`.

## Per source

The test photos come from the same collections as the training photos, so a district should expect less on its own
streets until it has trained with its own photos. `datasets/README.md` says what each source is and how it biases.

{_markdown(source_table(evaluation))}

## Whose photos, and licences

Where each photo can be had, at which commit, and its licence as the repository states it: `datasets/catalogue.csv`.
Most repositories state none; the India driving photos (IDD) and one flood set are for research. Whoever needs every
right cleared trains with their own photos. The ImageNet weights it started from are Apache-2.0.
"""


def _left_out(card: ModelCard, evaluation: Mapping[str, Any]) -> str:
    figures = evaluation.get("left_out")
    if figures is None:
        return ""
    averaged = card.data.get("members") and not figures["members"]
    goes_on = card.data.get("training", {}).get("start") != figures["config"]["start"]
    runs = f"The mean of {len(figures['members'])} runs" if figures["members"] else "A run"
    recipe = "from ImageNet, not the whole way to this model," if averaged or goes_on else "like its own,"
    unlike = f", but not to weak labels (`{figures['weak_labels']}`)," if figures.get("weak_labels") else ","
    anew = f" its last layer fitted anew{unlike}" if figures.get("refit") else ""
    stages = ", ".join(f"{stage['epochs']} at {stage['side']} px" for stage in figures["config"]["stages"])
    errors = figures["expected_calibration_error"]
    each = ", ".join(f"{label} {error:.3f}" for label, error in errors.items())
    return f"""
## Places it never saw

{runs} {recipe}{anew} trained once a fold without the origins of that fold (epochs: {stages}), on the
photos of just those origins: `python -m training leave-out`. A place of yours will lie between these figures and those
above.

{_markdown(left_out_table(figures))}

Calibration error on them: {each}; mean {sum(errors.values()) / len(errors):.3f}.
"""


def _robustness(evaluation: Mapping[str, Any]) -> str:
    figures = evaluation.get("robustness")
    if figures is None:
        return ""
    return f"""
## Worse photos

Photos of split {figures["data"]["split"]} made worse as a phone, the weather or a chat program would, severity 1 to 5:
`python -m training robustness`.

{_markdown(robustness_table(figures))}

{_markdown(stability_table(figures))}
"""


def _threshold_table(card: ModelCard) -> Table:
    problems = load_problems()
    rows = [["problem", "a person looks from", "found from"]]
    for label in card.labels:
        limits = card.thresholds[label]
        rows.append([f"{problems[label].name_zh} `{label}`", f"{limits.lower:.3f}", f"{limits.upper:.3f}"])
    return rows


def _familiar_line(card: ModelCard) -> str:
    if card.familiar is None:
        return ""
    likeness, nearness = (
        ", ".join(f"{label} {weight:.2f}" for label, weight in weights.items())
        for weights in (card.likeness, card.nearness)
    )
    near = f", and the cosine with the nearest\nprototype of the problem itself times {nearness}" if nearness else ""
    added = f"""
Scores also count how much nearer a photo's features are to a prototype of the problem than to those of normal photos
and of other problems: to the network's logit that difference of cosines is added times {likeness}{near}.
"""
    person = "is left to a person even where a score is high"
    if card.familiar.demand is not None:
        person = (
            f"must score higher to be found, by {card.familiar.demand / 10:.2f} logits for each 0.1 of cosine that is "
            "missing, or is left to a person"
        )
    return f"""{added if likeness else ""}
A photo whose features have a cosine below {card.familiar.problem:.3f} with every prototype of a problem {person};
below {card.familiar.street:.3f} with every prototype it is not taken for a street.
"""


def _gate_line(card: ModelCard) -> str:
    if not card.quantization:
        return " (not quantised)"
    f1 = card.quantization["val_macro_f1"]
    allowed = card.quantization["most_f1_lost"]
    own = f"{f1['fp32']:.4f} in fp32 with thresholds of its own"
    return f": macro F1 on the validation split {f1['int8']:.4f} in int8, {own}, {allowed} may be lost"


def _markdown(rows: Table) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])
