"""What is wrong with a set of photos that would spoil a training or flatter its score.

Sees: files that are missing, damaged or changed; the same bytes twice; photos that look alike (model/likeness.py),
also across splits; and of consecutively numbered photos, those that still look somewhat alike. Cannot see: one place
taken from another side or on another day, or two kinds of picture that share a camera. Whole origins are for that.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

import numpy as np

from datasets.likeness import alike_pairs
from datasets.manifest import LabelledPhoto, Manifest
from datasets.photos import for_each_photo
from model.errors import PhotoError
from model.likeness import ALIKE, SIDE, Floats, signatures
from model.preprocessing import prepare_photo

CONSECUTIVE = 3
"""Names whose numbers differ by no more than this count as shot one after the other."""
CONSECUTIVE_ALIKE = 0.65
"""Cosine from which consecutive photos count as one scene; lower than ALIKE, as the names speak too."""

_ROBOFLOW_SUFFIX = re.compile(r"\.rf\.[0-9a-f]{32}")
_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)")


class FindingKind(StrEnum):
    """In the order in which to act."""

    MISSING = "missing photos"
    UNREADABLE = "unreadable photos"
    WRONG_HASH = "files that are not the ones listed"
    SAME_FILE = "the same file twice"
    SAME_SCENE = "the same scene in several splits"
    LOOK_ALIKE = "near duplicates within a split"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to act on."""

    kind: FindingKind
    photos: tuple[LabelledPhoto, ...]
    what: str
    action: str


@dataclass(frozen=True, kw_only=True)
class _Seen:
    sha256: str
    signatures: Floats


def check_manifest(manifest: Manifest) -> list[Finding]:
    """Open every photo and compare each with all others."""
    findings, usable, seen = [], [], []
    for photo, result in zip(manifest.photos, for_each_photo(_look, manifest.photos, "looking"), strict=True):
        if isinstance(result, Finding):
            findings.append(result)
            continue
        if photo.sha256 and photo.sha256 != result.sha256:
            findings.append(_wrong_hash(photo, result.sha256))
        usable.append(photo)
        seen.append(result)
    same = defaultdict(list)
    for place, result in enumerate(seen):
        same[result.sha256].append(place)
    findings += [_same_file([usable[place] for place in places]) for places in same.values() if len(places) > 1]
    firsts = [places[0] for places in same.values()]
    findings += _alike([usable[place] for place in firsts], [seen[place].signatures for place in firsts])
    order = list(FindingKind)
    return sorted(findings, key=lambda finding: order.index(finding.kind))


def are_consecutive(first: LabelledPhoto, second: LabelledPhoto) -> bool:
    """Whether the names, at their source, are the same but for a last number that differs by CONSECUTIVE or less."""
    if first.source != second.source:
        return False
    parts, others = _numbered(first), _numbered(second)
    return (
        parts is not None and others is not None and parts[0] == others[0] and abs(parts[1] - others[1]) <= CONSECUTIVE
    )


def _look(photo: LabelledPhoto) -> _Seen | Finding:
    try:
        data = photo.path.read_bytes()
        pixels = prepare_photo(data, SIDE).pixels
    except OSError as error:
        action = "put the file there or delete its line"
        what = f"{photo.path} cannot be read ({error.strerror})"
        return Finding(kind=FindingKind.MISSING, photos=(photo,), what=what, action=action)
    except PhotoError as error:
        action = "replace the file or delete its line"
        return Finding(kind=FindingKind.UNREADABLE, photos=(photo,), what=str(error), action=action)
    return _Seen(sha256=hashlib.sha256(data).hexdigest(), signatures=signatures(pixels))


def _wrong_hash(photo: LabelledPhoto, found: str) -> Finding:
    what = f"SHA-256 is {found[:12]}…, the manifest says {photo.sha256[:12]}…"
    action = "fetch the listed file again, or look at this one and write its SHA-256"
    return Finding(kind=FindingKind.WRONG_HASH, photos=(photo,), what=what, action=action)


def _same_file(photos: Sequence[LabelledPhoto]) -> Finding:
    what = "byte for byte" + _disagreement(photos)
    action = f"keep {photos[0].file}, delete the other {'line' if len(photos) == 2 else 'lines'}"
    return Finding(kind=FindingKind.SAME_FILE, photos=tuple(photos), what=what, action=action)


def _alike(photos: Sequence[LabelledPhoto], seen: Sequence[Floats]) -> Iterator[Finding]:
    if not photos:
        return
    cosines = {
        (first, second): cosine
        for first, second, cosine in alike_pairs(np.stack(seen), min(ALIKE, CONSECUTIVE_ALIKE))
        if cosine >= ALIKE or are_consecutive(photos[first], photos[second])
    }
    for places in _groups(cosines):
        together = set(places)
        members = tuple(photos[place] for place in places)
        inside = [cosine for (first, _), cosine in cosines.items() if first in together]
        what = f"alike {' to '.join(sorted({f'{cosine:.2f}' for cosine in (min(inside), max(inside))}))}"
        splits = {photo.split for photo in members}
        if len(splits) > 1:
            kind, action = FindingKind.SAME_SCENE, "give all one split, or leave out all but those of one split"
        else:
            kind, action = FindingKind.LOOK_ALIKE, "keep the best one, or all if they are different moments"
        yield Finding(kind=kind, photos=members, what=what + _disagreement(members), action=action)


def _groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Photos linked by pairs, directly or through others."""
    group_of: dict[int, list[int]] = {}
    for first, second in pairs:
        one, other = group_of.get(first, [first]), group_of.get(second, [second])
        if one is not other:
            one = one + other
        for member in one:
            group_of[member] = one
    return [sorted(group) for group in {id(group): group for group in group_of.values()}.values()]


def _disagreement(photos: Sequence[LabelledPhoto]) -> str:
    differing = [
        label
        for label in photos[0].labels
        if len({photo.labels[label] for photo in photos if photo.labels[label] is not None}) > 1
    ]
    return f", but labelled differently for {', '.join(differing)}" if differing else ""


def _numbered(photo: LabelledPhoto) -> tuple[tuple[str, str, str], int] | None:
    name = PurePosixPath(_ROBOFLOW_SUFFIX.sub("", photo.original_path or photo.file))
    found = _LAST_NUMBER.fullmatch(name.stem)
    return ((str(name.parent), found[1], found[3]), int(found[2])) if found else None
