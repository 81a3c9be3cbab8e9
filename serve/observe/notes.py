"""What is noted of a request while it is worked on: its log line, its metrics and its spans are made of it.

Notes travel with the context of a request, also into threads that are given this context. Outside a request nothing is
noted.
"""

import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from model.decision import Verdict


class Stage(StrEnum):
    """Where the time of a photo goes."""

    UPLOAD = "upload"  # the request arrives, all its photos together
    WAIT = "wait"  # for a thread
    DECODE = "decode"  # photo file → what the network takes
    INFER = "infer"  # the network, and what follows from its scores


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage of one photo, or of one upload."""

    stage: Stage
    started: float  # on the clock of time.perf_counter()
    seconds: float


@dataclass(frozen=True, slots=True)
class PhotoNote:
    """What was said of one photo."""

    sha256: str
    verdict: Verdict
    problems: Sequence[str]


@dataclass(slots=True)
class RequestNotes:
    """One request."""

    request_id: str
    stages: list[StageTime] = field(default_factory=list)
    photos: list[PhotoNote] = field(default_factory=list)


_current: ContextVar[RequestNotes | None] = ContextVar("notes", default=None)


def begin_notes(request_id: str) -> RequestNotes:
    """Empty notes, which are those of everything in this context from now on."""
    notes = RequestNotes(request_id)
    _current.set(notes)
    return notes


def current_request_id() -> str | None:
    """Of the request that is worked on here, if any is."""
    notes = _current.get()
    return None if notes is None else notes.request_id


def note_stage(stage: Stage, started: float, seconds: float | None = None) -> None:
    """A stage that began at `started` has taken so long, by default until now."""
    if (notes := _current.get()) is not None:
        notes.stages.append(StageTime(stage, started, time.perf_counter() - started if seconds is None else seconds))


def note_photo(sha256: str, verdict: Verdict, problems: Sequence[str]) -> None:
    """A photo was answered."""
    if (notes := _current.get()) is not None:
        notes.photos.append(PhotoNote(sha256, verdict, problems))
