"""How long cases and their photos are kept. What goes, goes in batches: requests wait for none of them for long.

A purge removes rows and notes the files they named as loose; the files themselves go with the first sweep after the
grace (see serve/photos/keeping.py), unless another case names them. What was removed and when stays in the audit log,
by the hashes of the photos.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from serve.access.caller import Caller
from serve.access.roles import Role
from serve.cases.audit import record
from serve.cases.idempotency import forget_answers
from serve.cases.workflow import Status
from serve.database import Database
from serve.photos.keeping import note_loose
from serve.tables import Case, CasePhoto, WebhookMessage

log = logging.getLogger(__name__)

THE_SERVICE = Caller(key_name="xuntu", role=Role.ADMIN)
"""Who purges when it is the service itself."""

ANSWER_DAYS = 7
"""An answer is remembered this long for a request that comes again; it holds what the case holds."""

_CASES_AT_ONCE = 100
_DONE = (Status.CLOSED, Status.DISMISSED)
_KEPT = or_(CasePhoto.kept_sha256.is_not(None), CasePhoto.original_sha256.is_not(None))


@dataclass(frozen=True, kw_only=True)
class Purged:
    """What a purge removed, or would remove."""

    cases: int
    cases_without_photos: int
    """Cases that stay and lose their kept photos."""


def purge(
    database: Database,
    caller: Caller,
    *,
    retention_days: int,
    photo_retention_days: int,
    dry_run: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Purged:
    """Remove cases sent longer ago than the retention, and kept photos of cases long done. Blocks.

    Args:
        retention_days: 0 keeps cases for good.
        photo_retention_days: counted from the last change of a case that is closed or dismissed; 0 keeps photos as
            long as their case.
        go_on: asked before each batch; the purge ends early when it says no.
    """
    now = datetime.now(UTC)
    old = Case.created_at < now - timedelta(days=retention_days) if retention_days else None
    done = None
    if photo_retention_days:
        done = (
            Case.status.in_(_DONE)
            & (Case.updated_at < now - timedelta(days=photo_retention_days))
            & exists().where(CasePhoto.case_id == Case.id, _KEPT)
        )
    if dry_run:
        return _count(database, old, done)
    purged = Purged(
        cases=_in_batches(database, caller, old, _remove_cases, go_on),
        cases_without_photos=_in_batches(database, caller, done, _remove_photos, go_on),
    )
    with database.writing() as session:
        forget_answers(session, now - timedelta(days=ANSWER_DAYS))
        if retention_days:
            too_old = WebhookMessage.created_at < now - timedelta(days=retention_days)
            session.execute(delete(WebhookMessage).where(too_old))
    if purged.cases or purged.cases_without_photos:
        log.info("purged %d cases, and the photos of %d others", purged.cases, purged.cases_without_photos)
    return purged


def _count(database: Database, old: ColumnElement[bool] | None, done: ColumnElement[bool] | None) -> Purged:
    with database.reading() as session:

        def count(*which: ColumnElement[bool]) -> int:
            return session.scalar(select(func.count()).select_from(Case).where(*which)) or 0

        without_photos = () if done is None else (done,) if old is None else (done, ~old)
        return Purged(
            cases=0 if old is None else count(old),
            cases_without_photos=count(*without_photos) if without_photos else 0,
        )


def _in_batches(
    database: Database,
    caller: Caller,
    which: ColumnElement[bool] | None,
    remove: Callable[[Session, Caller, Sequence[Case]], None],
    go_on: Callable[[], bool],
) -> int:
    """How many cases were handed to `remove`, some in each transaction. Cases that a request holds are left."""
    total = 0
    while which is not None and go_on():
        with database.writing() as session:
            batch = select(Case).where(which).order_by(Case.created_at, Case.id).limit(_CASES_AT_ONCE)
            cases = session.scalars(batch.with_for_update(of=Case, skip_locked=True)).all()
            if cases:
                remove(session, caller, cases)
        total += len(cases)
        if not cases:
            break
    return total


def _remove_cases(session: Session, caller: Caller, cases: Sequence[Case]) -> None:
    photos = _photos_of(session, cases)
    removing = delete(Case).where(Case.id.in_([case.id for case in cases]))  # all that belongs to them goes too
    session.execute(removing.execution_options(synchronize_session=False))
    for case in cases:
        record(
            session,
            caller,
            "case.purged",
            case_id=case.id,
            photo_sha256s=[photo.sha256 for photo in photos if photo.case_id == case.id],
            content={"created_at": case.created_at.isoformat(), "status": case.status},
        )
    _note_files(session, photos)


def _remove_photos(session: Session, caller: Caller, cases: Sequence[Case]) -> None:
    photos = [photo for photo in _photos_of(session, cases) if photo.kept_sha256 or photo.original_sha256]
    session.execute(
        update(CasePhoto)
        .where(CasePhoto.id.in_([photo.id for photo in photos]))
        .values(kept_sha256=None, original_sha256=None)
        .execution_options(synchronize_session=False)
    )
    for case in cases:
        removed = [photo.sha256 for photo in photos if photo.case_id == case.id]
        record(session, caller, "case.photos_purged", case_id=case.id, photo_sha256s=removed)
    _note_files(session, photos)


@dataclass(frozen=True, kw_only=True)
class _Photo:
    id: int
    case_id: str
    sha256: str
    kept_sha256: str | None
    original_sha256: str | None


def _photos_of(session: Session, cases: Sequence[Case]) -> list[_Photo]:
    """Without what the network saw of them, which is large."""
    columns = (
        CasePhoto.id,
        CasePhoto.case_id,
        CasePhoto.sha256,
        CasePhoto.kept_sha256,
        CasePhoto.original_sha256,
    )
    found = select(*columns).where(CasePhoto.case_id.in_([case.id for case in cases])).order_by(CasePhoto.id)
    return [_Photo(**row) for row in session.execute(found).mappings()]


def _note_files(session: Session, photos: Sequence[_Photo]) -> None:
    named = [address for photo in photos for address in (photo.kept_sha256, photo.original_sha256) if address]
    note_loose(session, named, datetime.now(UTC))
