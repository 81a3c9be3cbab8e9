"""How much a photo looks, to the network, like those it learned from: by the nearest of some prototypes.

A network scores anything, a screenshot or a street vendor too, and is often sure. Its features tell more: the nearest
neighbours among them are far from what it never saw (Sun et al. 2022). Some prototypes stand for all neighbours.

The nearest also tell problems apart: in a new place, what a photo looks like as a whole holds longer than what a last
layer has learned to weigh (docs/experiments.md). So `likeness` and `nearness` add to the network's logits.
"""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from model.errors import CardInvalid

PROTOTYPES_FILE = "prototypes.npz"
UNSURE = -1  # of photos with a weak label: familiar, but no example of a problem
_LEAST_LENGTH = 1e-9  # features of nothing are near to nothing
MAY_SHOW_BOTH = 0.05  # cosine by which another problem must be nearer to speak against one: photos may show both


@dataclass(frozen=True, kw_only=True)
class Prototypes:
    """Features that stand for the photos a model learned from."""

    problems: npt.NDArray[np.float32]
    """(prototypes, 1280) float32, each of length 1: of photos that show a problem."""
    normal: npt.NDArray[np.float32]
    """(prototypes, 1280) float32, each of length 1: of photos that show none."""
    pages: npt.NDArray[np.float32] | None = None
    """(prototypes, 1280) float32, each of length 1: of pages of text, screens and charts; None before 1.3.0."""
    shown: npt.NDArray[np.int64] | None = None
    """(prototypes,) the place among the labels of what each of `problems` shows, or UNSURE; None before 1.9.0."""

    def compare(
        self, features: npt.NDArray[np.floating], labels: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(photos, 1280) features → their likeness to each problem and their nearness, (photos, labels) each.

        Nearness is the cosine with the nearest prototype of the problem, -1 to 1. Likeness is how much more that is
        than the cosine with the nearest of normal photos or, less MAY_SHOW_BOTH, of another problem: -2 to 2. Both are
        0 for a problem without prototypes.
        """
        likeness, nearness = np.zeros((2, len(features), labels), dtype=np.float32)
        known, stacked, starts, itself = self._by_label
        if not known:
            return likeness, nearness
        length = np.sqrt(np.einsum("ij,ij->i", features, features))[:, None]
        cosines = (features @ stacked.T) / np.maximum(length, _LEAST_LENGTH)
        nearest = np.maximum.reduceat(cosines, starts, axis=1)  # of each known problem, and of normal photos
        near, normal = nearest[:, : len(known)], nearest[:, len(known) :].max(axis=1, keepdims=True, initial=-1)
        others = (near[:, None, :] - itself).max(axis=2) - MAY_SHOW_BOTH
        nearness[:, known] = near
        likeness[:, known] = near - np.maximum(normal, others)
        return likeness, nearness

    @cached_property
    def _by_label(
        self,
    ) -> tuple[list[int], npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """What `compare` needs, made once: after a network the processor's caches are cold, and each operation counts.

        Labels that have prototypes; theirs and the normal ones, group by group; where each group starts; (labels,
        labels) infinity where a problem meets itself.
        """
        shown = np.full(len(self.problems), UNSURE) if self.shown is None else self.shown
        known = [label for label in np.unique(shown).tolist() if label != UNSURE]
        groups = [*(self.problems[shown == label] for label in known), *([self.normal] if len(self.normal) else [])]
        starts = np.cumsum([0, *map(len, groups[:-1])])
        itself = np.where(np.eye(len(known), dtype=bool), np.inf, 0).astype(np.float32)
        return known, np.concatenate(groups or [self.problems]), starts, itself

    def nearest(self, features: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Cosine of (1280,) features and the nearest prototype of a problem, and of any photo; -1 to 1."""
        problem = _cosine(self.problems, features)
        return problem, max(problem, _cosine(self.normal, features))

    def is_page(self, features: npt.NDArray[np.floating]) -> bool:
        """Whether (1280,) features are more like a page, a screen or a chart than like any photo of a street."""
        return self.pages is not None and _cosine(self.pages, features) > self.nearest(features)[1]

    def save(self, path: Path) -> None:
        """As half-precision numbers, which change no cosine by more than 0.001."""
        arrays = {"problems": self.problems, "normal": self.normal}
        if self.pages is not None:
            arrays["pages"] = self.pages
        halves = {name: array.astype(np.float16) for name, array in arrays.items()}
        shown = {} if self.shown is None else {"shown": self.shown}
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **halves, **shown)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The opposite of `save`.

        Raises:
            CardInvalid: the file holds something else.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                problems, normal = (arrays[name].astype(np.float32) for name in ("problems", "normal"))
                pages = arrays["pages"].astype(np.float32) if "pages" in arrays else None
                shown = arrays["shown"].astype(np.int64) if "shown" in arrays else None
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CardInvalid(str(path), f"cannot be read ({error!r})", "copy the whole folder again") from error
        shapes = [some.shape for some in (problems, normal, pages) if some is not None]
        if any(len(shape) != 2 for shape in shapes) or len({shape[1] for shape in shapes}) > 1:
            raise CardInvalid(str(path), f"holds arrays of shapes {', '.join(map(str, shapes))}")
        if shown is not None and shown.shape != problems.shape[:1]:
            raise CardInvalid(str(path), f"says of {len(shown)} prototypes what they show, and holds {len(problems)}")
        return cls(problems=problems, normal=normal, pages=pages, shown=shown)


def _cosine(prototypes: npt.NDArray[np.float32], features: npt.NDArray[np.floating]) -> float:
    """Of features and the nearest prototype; -1 where there is none."""
    length = float(np.linalg.norm(features))
    return float((prototypes @ (features.astype(np.float32) / (length or 1))).max(initial=-1))
