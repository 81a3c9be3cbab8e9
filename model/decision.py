"""Scores + card → what is said of a photo, a case and its after-photos. The threshold rules live here and only here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model.card import ModelCard
from model.quality import QualityIssue


class Verdict(StrEnum):
    """What is said of a photo or a case as a whole."""

    PROBLEM = "problem"  # at least one problem was found
    REVIEW = "review"  # none was found, but one cannot be ruled out or seen: a person should look
    NO_PROBLEM = "no_problem"  # every problem is ruled out


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is said, and the scores it follows from: what the network thought is never hidden."""

    verdict: Verdict
    problems: tuple[str, ...]
    """Keys found, highest score first."""
    scores: Mapping[str, float]
    """Problem key → score: the probability 0-1, after calibration, that the photo shows it; every label of the card."""
    quality: tuple[QualityIssue, ...] = ()
    """Why no problem can be read from the photo; of a case, from none of its photos."""

    @property
    def suspected(self) -> tuple[str, ...]:
        """What to look for in the photo: the problems found, or the likeliest one where a person should look."""
        if self.verdict is Verdict.REVIEW:
            return (max(self.scores, key=lambda label: self.scores[label]),)
        return self.problems


class Outcome(StrEnum):
    """What photos taken after the work say of a case."""

    RESOLVED = "resolved"
    STILL_PRESENT = "still_present"
    CANNOT_TELL = "cannot_tell"  # a person should look


class Reason(StrEnum):
    """Why an outcome is what it is."""

    PROBLEM_FOUND = "problem_found"  # still present: an after-photo shows a problem of the case
    PROBLEM_GONE = "problem_gone"  # resolved: every problem is ruled out, at what seems to be the same kind of place
    SCORE_BETWEEN_THRESHOLDS = "score_between_thresholds"  # a problem can be neither found nor ruled out
    PROBLEM_NOT_SCORED = "problem_not_scored"  # a person gave the case a problem that the model does not know
    NOTHING_TO_COMPARE = "nothing_to_compare"  # no features of the report, of another model, or a card without a rule
    PHOTOS_UNUSABLE = "photos_unusable"  # every after-photo has a quality issue, such as too little light
    OTHER_PLACE = "other_place"  # too few after-photos look like the report's: another place, or a frame of nothing


@dataclass(frozen=True, kw_only=True)
class VerificationDecision:
    """What is said of a case's after-photos, and the figures it follows from."""

    outcome: Outcome
    reason: Reason
    scores: Mapping[str, float]
    """Problem key → highest score among the after-photos that count; every label of the card."""
    places: tuple[float | None, ...]
    """For each after-photo, the highest cosine of its features and those of a photo of the report; None where there
    was nothing to compare, or the photo does not count. A sanity check: it tells a wall from a road, never one wall
    from another."""


Features = npt.NDArray[np.float16]


class SeenPhoto(Protocol):
    """A photo with what was said of it and what the network saw: model.classifier.ClassifiedPhoto, described."""

    @property
    def decision(self) -> Decision:
        """What is said of it."""

    @property
    def features(self) -> Features | None:
        """(1280,) float16."""

    @property
    def signature(self) -> npt.NDArray[np.float32] | None:
        """See model/likeness.py: all zeros for a photo of one colour."""


def decide(scores: Mapping[str, float], card: ModelCard, quality: Sequence[QualityIssue] = ()) -> Decision:
    """Apply the card's thresholds: found from `upper` up, for a person from `lower` up.

    A photo with an issue is for a person whatever it scores: what cannot be seen is neither found nor ruled out.
    """
    found = [] if quality else [label for label in card.labels if scores[label] >= card.thresholds[label].upper]
    unsure = quality or any(scores[label] >= card.thresholds[label].lower for label in card.labels)
    if found:
        verdict = Verdict.PROBLEM
    else:
        verdict = Verdict.REVIEW if unsure else Verdict.NO_PROBLEM
    return Decision(
        verdict=verdict,
        problems=tuple(sorted(found, key=lambda label: -scores[label])),
        scores={label: scores[label] for label in card.labels},
        quality=tuple(quality),
    )


def decide_verification(
    problems: Sequence[str],
    before: Sequence[Features | None],
    after: Sequence[SeenPhoto],
    card: ModelCard,
    *,
    before_fingerprint: str,
) -> VerificationDecision:
    """Whether the problems of a case are gone, by photos taken after the work.

    Resolved needs both: no after-photo leaves room for any problem of the case, and at least half of the after-photos
    look like the same kind of place as a photo of the report. Half, because patrols send an overview and a close-up,
    and a close-up of clean ground looks like nothing that was reported; not one of many, because each further photo of
    anywhere would be one more chance to pass. After-photos with a quality issue do not count: a dark photo must never
    resolve a case.

    Args:
        problems: keys of what the case has now.
        before: (1280,) features of each photo of the report.
        before_fingerprint: of the card of the model that saw the report; another model's features compare to nothing.

    Raises:
        ValueError: no problem or no after-photo.
    """
    if not problems or not after:
        raise ValueError(f"a check needs a problem and an after-photo, found {len(problems)} and {len(after)}")
    counting = [photo for photo in after if not photo.decision.quality]
    scores = {
        label: max(photo.decision.scores[label] for photo in counting or after) for label in card.labels
    }  # the highest, not the mean of alike photos: whatever one of them shows is still there
    comparable = [] if before_fingerprint != card.fingerprint() else [seen for seen in before if seen is not None]
    places = tuple(_place(photo, comparable) for photo in after)

    def say(outcome: Outcome, reason: Reason) -> VerificationDecision:
        return VerificationDecision(outcome=outcome, reason=reason, scores=scores, places=places)

    if not counting:
        return say(Outcome.CANNOT_TELL, Reason.PHOTOS_UNUSABLE)
    scored = [key for key in problems if key in card.labels]
    if any(scores[key] >= card.thresholds[key].upper for key in scored):
        return say(Outcome.STILL_PRESENT, Reason.PROBLEM_FOUND)
    if any(scores[key] >= card.thresholds[key].lower for key in scored):
        return say(Outcome.CANNOT_TELL, Reason.SCORE_BETWEEN_THRESHOLDS)
    if len(scored) < len(problems):
        return say(Outcome.CANNOT_TELL, Reason.PROBLEM_NOT_SCORED)
    known = [place for place in places if place is not None]
    if card.same_place is None or not known:
        return say(Outcome.CANNOT_TELL, Reason.NOTHING_TO_COMPARE)
    if 2 * sum(place >= card.same_place for place in known) < len(counting):
        return say(Outcome.CANNOT_TELL, Reason.OTHER_PLACE)
    if any(QualityIssue.UNFAMILIAR in photo.decision.quality for photo in after):
        return say(Outcome.CANNOT_TELL, Reason.PHOTOS_UNUSABLE)  # it scored as a problem, so it may be one
    return say(Outcome.RESOLVED, Reason.PROBLEM_GONE)


def cosine(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Of two photos' features, of one length each; 0 where either is all zeros."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


def _place(photo: SeenPhoto, before: Sequence[Features]) -> float | None:
    if photo.features is None or photo.decision.quality or not before:
        return None
    if photo.signature is not None and not photo.signature.any():
        return 0.0  # a frame of one colour is no place, and to the network much like a clean wall
    return max(cosine(photo.features, seen) for seen in before)
