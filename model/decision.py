"""Scores + card → what is said of a photo and of a case. The threshold rule lives here and only here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from model.card import ModelCard


class Verdict(StrEnum):
    """What is said of a photo or a case as a whole."""

    PROBLEM = "problem"  # at least one problem was found
    REVIEW = "review"  # none was found, but one cannot be ruled out: a person should look
    NO_PROBLEM = "no_problem"  # every problem is ruled out


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is said, and the scores it follows from: what the network thought is never hidden."""

    verdict: Verdict
    problems: tuple[str, ...]
    """Keys found, highest score first."""
    scores: Mapping[str, float]
    """Problem key → score: the probability 0-1, after calibration, that the photo shows it; every label of the card."""


def decide(scores: Mapping[str, float], card: ModelCard) -> Decision:
    """Apply the card's thresholds: found from `upper` up, for a person from `lower` up."""
    found = [label for label in card.labels if scores[label] >= card.thresholds[label].upper]
    unsure = any(scores[label] >= card.thresholds[label].lower for label in card.labels)
    if found:
        verdict = Verdict.PROBLEM
    else:
        verdict = Verdict.REVIEW if unsure else Verdict.NO_PROBLEM
    problems = tuple(sorted(found, key=lambda label: -scores[label]))
    return Decision(verdict=verdict, problems=problems, scores={label: scores[label] for label in card.labels})


def decide_case(photos: Sequence[Decision], card: ModelCard) -> Decision:
    """Several photos of one case: a problem that any photo shows is there, so each score is the highest of the photos.

    Raises:
        ValueError: no photo.
    """
    if not photos:
        raise ValueError("a case needs at least one photo, found none")
    return decide({label: max(photo.scores[label] for photo in photos) for label in card.labels}, card)
