"""How much a photo looks, to the network, like those it learned from: by the nearest of some prototypes.

A network scores anything, a screenshot or a street vendor too, and is often sure. Its features tell more: the nearest
neighbours among them are far from what it never saw (Sun et al. 2022). A few dozen prototypes stand for all neighbours.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from model.errors import CardInvalid

PROTOTYPES_FILE = "prototypes.npz"


@dataclass(frozen=True, kw_only=True)
class Prototypes:
    """Features that stand for the photos a model learned from."""

    problems: npt.NDArray[np.float32]
    """(prototypes, 1280) float32, each of length 1: of photos that show a problem."""
    normal: npt.NDArray[np.float32]
    """(prototypes, 1280) float32, each of length 1: of photos that show none."""

    def nearest(self, features: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Cosine of (1280,) features and the nearest prototype of a problem, and of any photo; -1 to 1."""
        length = float(np.linalg.norm(features))
        unit = features.astype(np.float32) / (length or 1)
        problem = float((self.problems @ unit).max(initial=-1))
        return problem, max(problem, float((self.normal @ unit).max(initial=-1)))

    def save(self, path: Path) -> None:
        """As half-precision numbers, which change no cosine by more than 0.001."""
        with path.open("wb") as file:
            np.savez(file, problems=self.problems.astype(np.float16), normal=self.normal.astype(np.float16))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The opposite of `save`.

        Raises:
            CardInvalid: the file holds something else.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                problems, normal = (arrays[name].astype(np.float32) for name in ("problems", "normal"))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CardInvalid(str(path), f"cannot be read ({error!r})", "copy the whole folder again") from error
        if problems.ndim != 2 or normal.ndim != 2 or problems.shape[1] != normal.shape[1]:
            raise CardInvalid(str(path), f"holds arrays of shapes {problems.shape} and {normal.shape}")
        return cls(problems=problems, normal=normal)
