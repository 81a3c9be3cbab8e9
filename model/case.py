"""Several photos of one case → one decision.

Photos that look like one scene are taken for several looks at the same thing, and their mean is surer than any of
them; of photos that do not, such as an overview and a close-up, each may show what the other does not, so the highest
score counts. `python -m training evaluate` measures the rule on pairs of both kinds, `cases` in evaluation.json.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from model.card import ModelCard
from model.decision import Decision, Features, Verdict, cosine, decide

_SUREST = 1e-6  # scores are taken for at least this far from 0 and 1, so that one photo cannot outweigh all


def decide_case(photos: Sequence[Decision], card: ModelCard, features: Sequence[Features | None] = ()) -> Decision:
    """What is said of a case with these photos.

    Each score is the highest over the photos, where every photo stands for the mean of the log-odds of all that look
    like it (features with a cosine of at least `same_scene`).

    Photos with an issue do not count, unless all have one; but what cannot be seen on them is not ruled out either, so
    a person should look where the others show no problem; likewise where one photo alone would show one.

    Args:
        features: (1280,) of each photo, in the order of the photos; without them no photos are alike.

    Raises:
        ValueError: no photo.
    """
    if not photos:
        raise ValueError("a case needs at least one photo, found none")
    seen = list(zip(photos, features or [None] * len(photos), strict=True))
    counting = [photo for photo in seen if not photo[0].quality] or seen
    issues = dict.fromkeys(issue for photo, _ in counting for issue in photo.quality)
    groups = []
    for place, (photo, own) in enumerate(counting):
        others = counting[:place] + counting[place + 1 :]
        groups.append([photo, *(other for other, theirs in others if _look_alike(own, theirs, card))])
    scores = {label: max(_mean([photo.scores[label] for photo in group]) for group in groups) for label in card.labels}
    together = decide(scores, card, tuple(issues))
    doubtful = any(photo.quality or photo.verdict is Verdict.PROBLEM for photo in photos)
    if together.verdict is Verdict.NO_PROBLEM and doubtful:
        return replace(together, verdict=Verdict.REVIEW)
    return together


def _look_alike(one: Features | None, other: Features | None, card: ModelCard) -> bool:
    least = card.same_scene or card.same_place
    return one is not None and other is not None and least is not None and cosine(one, other) >= least


def _mean(scores: Sequence[float]) -> float:
    """The score whose log-odds are the mean of those of the scores; never beyond them, whatever rounding does."""
    bounded = [min(max(score, _SUREST), 1 - _SUREST) for score in scores]
    mean = sum(math.log(score / (1 - score)) for score in bounded) / len(bounded)
    return min(max(1 / (1 + math.exp(-mean)), min(scores)), max(scores))
