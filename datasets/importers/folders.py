"""Photos sorted into folders by what they show → a manifest: the way a district brings its own.

    photos/road_damage/zhongshan-road/IMG_0001.jpg
    photos/waterlogging/…
    photos/no_issue/…

A folder below a problem means that problem and says nothing of the others: they stay blank, since nobody judged them.
`no_issue` means none of the problems. The same photo put into two problem folders shows both.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from datasets.errors import FoldersInvalid, PhotosUnreadable
from datasets.manifest import NO_ISSUE, LabelledPhoto, Manifest, kind_of
from datasets.photos import for_each_photo
from datasets.splits import natural_order, split_in_blocks
from model.errors import PhotoError
from model.preprocessing import read_photo
from model.problems import load_problems

logger = logging.getLogger(__name__)

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")


@dataclass(frozen=True, kw_only=True)
class _Found:
    path: Path
    sha256: str
    width: int
    height: int


def import_folders(folder: Path, manifest: Path, *, skip_unreadable: bool = False) -> Manifest:
    """Make a manifest of the photos in `folder`; the caller writes it to the path `manifest`.

    Raises:
        FoldersInvalid: a folder is named otherwise, there is no photo, or one photo is said to show a problem and none.
        PhotosUnreadable: files that are not usable photos, unless they are to be skipped.
    """
    labels = tuple(load_problems())
    root, name = manifest.parent.absolute(), folder.resolve().name
    if not folder.absolute().is_relative_to(root):
        raise FoldersInvalid(f"{manifest}: its folder does not hold {folder}; write it beside or above the photos")
    below = folder.absolute().relative_to(root)
    files = {kind: _files_in(folder / kind) for kind in _kinds(folder, labels)}
    found, wrong = _look_at([path for paths in files.values() for path in paths])
    if wrong and not skip_unreadable:
        raise PhotosUnreadable(folder, wrong)
    for line in wrong:
        logger.warning("left out: %s", line)

    placed: dict[str, dict[str, Path]] = defaultdict(dict)  # SHA-256 → kind → where it was first
    photos: dict[str, LabelledPhoto] = {}
    for kind, paths in files.items():
        usable = {path.relative_to(folder).as_posix(): found[path] for path in paths if path in found}
        splits = split_in_blocks(usable)
        for file, photo in usable.items():
            if (twin := placed[photo.sha256].setdefault(kind, photo.path)) != photo.path:
                logger.warning("left out: %s is the same file as %s", photo.path, twin)
            elif photo.sha256 in photos:
                photos[photo.sha256] = _also_shows(photos[photo.sha256], kind)
            else:
                photos[photo.sha256] = LabelledPhoto(
                    file=(below / file).as_posix(),
                    path=photo.path.absolute(),
                    labels=MappingProxyType({label: _shown(label, kind) for label in labels}),
                    split=splits[file],
                    kind=kind,
                    source=name,
                    origin=name,
                    sha256=photo.sha256,
                    width=photo.width,
                    height=photo.height,
                )
    _refuse_contradictions(folder, placed)
    if not photos:
        raise FoldersInvalid(f"{folder}: none of its files is a usable photo; put photos into its folders")
    return Manifest(path=manifest, labels=labels, photos=tuple(photos.values()))


def _kinds(folder: Path, labels: Sequence[str]) -> list[str]:
    if not folder.is_dir():
        raise FoldersInvalid(f"{folder}: is not a folder; give one that holds {', '.join((*labels, NO_ISSUE))}")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    known = (*labels, NO_ISSUE)
    if unknown := [name for name in names if name not in known]:
        raise FoldersInvalid(
            f"{folder}: folder {', '.join(unknown)} names no problem; known are {', '.join(known)}. Rename or move it"
        )
    loose = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _PHOTO_SUFFIXES)
    if loose:
        raise FoldersInvalid(f"{folder}: {', '.join(loose[:3])} lies in no folder; move it to what it shows")
    return [kind for kind in known if kind in names]


def _files_in(folder: Path) -> list[Path]:
    """Every file at any depth but hidden ones (.DS_Store); whether it is a photo is decided by its bytes."""
    below = [path for path in folder.rglob("*") if path.is_file()]
    visible = [path for path in below if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return sorted(visible, key=lambda path: natural_order(path.as_posix()))


def _look_at(paths: Sequence[Path]) -> tuple[dict[Path, _Found], list[str]]:
    results = for_each_photo(_look, paths, "reading")
    found = {result.path: result for result in results if isinstance(result, _Found)}
    return found, [result for result in results if isinstance(result, str)]


def _look(path: Path) -> _Found | str:
    try:
        data = path.read_bytes()
        width, height = read_photo(data).size
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    except PhotoError as error:
        return f"{path}: {error}"
    return _Found(path=path, sha256=sha256(data).hexdigest(), width=width, height=height)


def _shown(label: str, kind: str) -> bool | None:
    if kind == NO_ISSUE:
        return False
    return True if label == kind else None


def _also_shows(photo: LabelledPhoto, kind: str) -> LabelledPhoto:
    labels = {**photo.labels, kind: True} if kind != NO_ISSUE else photo.labels
    return replace(photo, labels=MappingProxyType(dict(labels)), kind=kind_of(labels))


def _refuse_contradictions(folder: Path, placed: dict[str, dict[str, Path]]) -> None:
    both = [kinds for kinds in placed.values() if NO_ISSUE in kinds and len(kinds) > 1]
    if both:
        pairs = "; ".join(" and ".join(str(path) for path in kinds.values()) for kinds in both[:3])
        raise FoldersInvalid(
            f"{folder}: {len(both)} photos are in {NO_ISSUE} and in a problem's folder, starting with {pairs}; "
            "look at each and delete one of the two"
        )
