"""Which photos are kept, and the order of steps that leaves no case without its photos and no photo without a case.

Files and rows cannot change in one transaction, and an address may be shared: the same photo in two cases is one file.
So whoever writes or abandons a file first notes its address as loose, and only `sweep` removes files.

    keep()    1. notes the addresses, with the time, and commits; 2. writes the files where they do not stand
    claim()   in the transaction that saves the case: removes the notes, if less than half the grace has passed
    purge     in the transaction that removes rows: notes the addresses those rows named, with the time
    sweep()   per address, in one transaction: locks the note; if it is older than the grace and no photo names the
              address, removes the file; then the note

Why no acknowledged case loses a photo: between keep's step 1 at T and a claim before T + grace / 2, every note of that
address bears T or later, since noting again only makes it younger and a purge notes with its own time. So no sweep may
remove the file before the claim, and after the claim a photo names it. A sweep that was already removing it at T holds
the note's row (the whole database on SQLite), so step 1 waits for it, and step 2 finds the file gone and writes it.
A claim that comes too late raises, and its case is not saved. Half of the grace is left for clocks of different
machines to differ, and for the transaction of the claim to end.

Why no file stays for ever: it is written after its note is committed, and the note goes only with a claim, with the
file, or once a photo names the address. Whenever a process dies, the note is there for the next sweep. What it had only
half written has no address; the sweep removes that by its age.

Notes are locked in the order of their addresses, so that two requests with the same photos wait and never deadlock.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from model.decision import Verdict
from model.preprocessing import copy_photo
from serve.database import Database, insert_or_change
from serve.photos.store import PhotoStore, PhotoStoreError
from serve.settings import KeepPhotos
from serve.tables import CasePhoto, LooseFile

log = logging.getLogger(__name__)

_NOTES_AT_ONCE = 500  # statements stay well below what a database takes as parameters


class ClaimedTooLate(Exception):
    """The case was not saved soon enough after its photos were stored; nothing of it may be saved now."""


@dataclass(frozen=True, kw_only=True)
class KeptPhoto:
    """Where one photo is kept, if it is."""

    kept_sha256: str | None = None
    """Address of the upright copy without metadata."""
    original_sha256: str | None = None
    """Address of the file as it was sent."""
    claim_before: datetime | None = None
    """A sweep may remove what is not claimed by then; empty where nothing is kept."""

    @property
    def addresses(self) -> list[str]:
        """All that must stand in the store for this photo."""
        return [address for address in (self.kept_sha256, self.original_sha256) if address is not None]


class PhotoKeeper:
    """Stores what the operator's policy keeps of the photos of a case. Threads may share it."""

    def __init__(
        self,
        database: Database,
        store: PhotoStore,
        *,
        policy: KeepPhotos,
        originals: bool,
        longest_side: int,
        loose_file_seconds: float,
    ) -> None:
        self._database = database
        self._store = store
        self._policy = policy
        self._originals = originals
        self._longest_side = longest_side
        self._claim_within = timedelta(seconds=loose_file_seconds / 2)

    def keep(self, photos: Sequence[bytes], verdict: Verdict) -> list[KeptPhoto]:
        """Where each photo of a case with this verdict is kept, once it is on disk. Blocks.

        Save a case with it by `claim` within the same transaction, soon: else a sweep removes the files.

        Raises:
            PhotoError: a photo cannot be decoded.
            PhotoStoreError: the store does not take it.
        """
        if self._policy == KeepPhotos.NEVER or (self._policy == KeepPhotos.REVIEW_ONLY and verdict != Verdict.REVIEW):
            return [KeptPhoto() for _ in photos]
        files: dict[str, bytes] = {}
        addresses = []
        for photo in photos:
            kept = _add(files, copy_photo(photo, self._longest_side))
            addresses.append((kept, _add(files, photo) if self._originals else None))
        now = datetime.now(UTC)
        with self._database.writing() as session:
            note_loose(session, files, now)
        for address, data in files.items():
            self._store.put(address, data)
        return [
            KeptPhoto(kept_sha256=kept, original_sha256=original, claim_before=now + self._claim_within)
            for kept, original in addresses
        ]


def claim(session: Session, kept: Iterable[KeptPhoto]) -> None:
    """Say in the transaction that saves the case that its photos name these files.

    Raises:
        ClaimedTooLate: a sweep may have removed them; the transaction must be undone.
    """
    kept = list(kept)
    late = [photo for photo in kept if photo.claim_before is not None and photo.claim_before < datetime.now(UTC)]
    if late:
        raise ClaimedTooLate(
            f"{len(late)} photos were stored too long ago, they had to be claimed before {late[0].claim_before}; "
            "send the case again, or set XUNTU_LOOSE_FILE_SECONDS higher"
        )
    addresses = {address for photo in kept for address in photo.addresses}
    if addresses:
        named = LooseFile.sha256.in_(addresses)
        session.scalars(select(LooseFile.sha256).where(named).order_by(LooseFile.sha256).with_for_update()).all()
        session.execute(delete(LooseFile).where(named))


def note_loose(session: Session, addresses: Iterable[str], now: datetime) -> None:
    """Say that these files may stand without a case from now on: for a sweep to look at once the grace has passed."""
    ordered = sorted(set(addresses))
    for start in range(0, len(ordered), _NOTES_AT_ONCE):
        rows = [{"sha256": address, "noted_at": now} for address in ordered[start : start + _NOTES_AT_ONCE]]
        noting = insert_or_change(session, LooseFile).values(rows)
        session.execute(
            noting.on_conflict_do_update(
                index_elements=[LooseFile.sha256], set_={LooseFile.noted_at: noting.excluded.noted_at}
            )
        )


def sweep(
    database: Database, store: PhotoStore, older_than_seconds: float, go_on: Callable[[], bool] = lambda: True
) -> int:
    """Remove the files noted as loose before the grace that no photo names, and those never finished; how many. Blocks.

    A file that cannot be removed is logged and stays noted. Several sweeps at once do no harm.

    Args:
        go_on: asked before each file; the sweep ends early when it says no.
    """
    noted_before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
    with database.reading() as session:
        due = session.scalars(
            select(LooseFile.sha256).where(LooseFile.noted_at <= noted_before).order_by(LooseFile.sha256)
        ).all()
    removed = store.remove_unfinished(older_than_seconds)
    for address in due:
        if not go_on():
            break
        try:
            removed += _remove_if_loose(database, store, address, noted_before)
        except PhotoStoreError as error:
            log.error("a file that no case names stays: %s", error)
    if removed:
        log.info("removed %d files that no case names", removed)
    return removed


def _remove_if_loose(database: Database, store: PhotoStore, address: str, noted_before: datetime) -> bool:
    """One transaction, which ends after the file is gone: whoever notes the address meanwhile waits for it."""
    with database.writing() as session:
        note = session.scalar(select(LooseFile).where(LooseFile.sha256 == address).with_for_update())
        if note is None or note.noted_at > noted_before:
            return False
        named = or_(CasePhoto.kept_sha256 == address, CasePhoto.original_sha256 == address)
        loose = session.scalar(select(CasePhoto.id).where(named).limit(1)) is None
        if loose:
            store.delete(address)
        session.delete(note)
        return loose


def _add(files: dict[str, bytes], data: bytes) -> str:
    address = hashlib.sha256(data).hexdigest()
    files[address] = data
    return address
