"""What is kept, and that no order of steps loses a photo of a saved case or leaves a file for ever."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image
from sqlalchemy import delete, select

from model.decision import Verdict
from serve.photos import keeping
from serve.photos.keeping import ClaimedTooLate, KeptPhoto, claim, note_loose, sweep
from serve.photos.store import PhotoStoreFailed
from serve.settings import KeepPhotos
from serve.tables import Case, LooseFile

GRACE = 600


@pytest.fixture
def clock(monkeypatch):
    """The time as keeping sees it; moved by the tests."""

    class Clock:
        def __init__(self):
            self.now = datetime(2026, 7, 1, tzinfo=UTC)

        def passes(self, seconds):
            self.now += timedelta(seconds=seconds)

    class Moved(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock.now

    clock = Clock()
    monkeypatch.setattr(keeping, "datetime", Moved)
    return clock


@pytest.fixture
def notes(database):
    """The addresses noted as loose."""

    def look():
        with database.reading() as session:
            return set(session.scalars(select(LooseFile.sha256)))

    return look


@pytest.fixture
def save(database, case_row):
    """Save a case that claims its photos, as the route does."""

    def run(case_id, kept):
        with database.writing() as session:
            session.add(case_row(case_id, kept))
            claim(session, kept)

    return run


@pytest.fixture
def purge(database, clock):
    """Remove a case as a purge does."""

    def run(case_id, kept):
        with database.writing() as session:
            session.execute(delete(Case).where(Case.id == case_id))
            note_loose(session, kept.addresses, clock.now)

    return run


# ---- what is kept ----


@pytest.mark.parametrize(
    ("policy", "verdict", "kept"),
    [
        (KeepPhotos.NEVER, Verdict.REVIEW, False),
        (KeepPhotos.REVIEW_ONLY, Verdict.REVIEW, True),
        (KeepPhotos.REVIEW_ONLY, Verdict.PROBLEM, False),
        (KeepPhotos.REVIEW_ONLY, Verdict.NO_PROBLEM, False),
        (KeepPhotos.ALWAYS, Verdict.NO_PROBLEM, True),
    ],
)
def test_the_policy_decides(keeper, stored, notes, photo, policy, verdict, kept):
    (found,) = keeper(policy=policy).keep([photo()], verdict)

    assert (found.kept_sha256 is not None) == kept
    assert found.original_sha256 is None
    assert stored() == notes() == set(found.addresses)


def test_originals_are_kept_only_where_asked_for(keeper, store, photo):
    exif = Image.Exif()
    exif[0x010F] = "maker of the phone"
    sent = photo(exif=exif.tobytes())

    (found,) = keeper(originals=True).keep([sent], Verdict.REVIEW)

    assert found.original_sha256 == hashlib.sha256(sent).hexdigest()
    assert store.get(found.original_sha256) == sent
    assert b"Exif" not in store.get(found.kept_sha256)


def test_the_same_photo_sent_twice_in_a_case_is_one_file(keeper, stored, photo):
    first, second = keeper().keep([photo(), photo()], Verdict.REVIEW)

    assert first == second
    assert stored() == {first.kept_sha256}


# ---- the order of steps ----


def test_a_claimed_photo_is_no_longer_loose(keeper, save, notes, stored, database, store, photo):
    kept = keeper().keep([photo()], Verdict.REVIEW)
    save("1", kept)

    assert notes() == set()
    assert sweep(database, store, 0) == 0
    assert stored() == set(kept[0].addresses)


def test_what_is_never_claimed_goes_after_the_grace(keeper, clock, notes, stored, database, store, photo):
    keeper().keep([photo(), photo(400)], Verdict.REVIEW)

    clock.passes(GRACE - 1)
    assert sweep(database, store, GRACE) == 0
    assert len(stored()) == 2
    clock.passes(1)
    assert sweep(database, store, GRACE) == 2
    assert stored() == notes() == set()


def test_a_case_that_is_not_saved_leaves_its_photos_loose(keeper, database, case_row, notes, photo):
    kept = keeper().keep([photo()], Verdict.REVIEW)

    with pytest.raises(RuntimeError), database.writing() as session:
        session.add(case_row("1", kept))
        claim(session, kept)
        raise RuntimeError

    assert notes() == set(kept[0].addresses)


def test_a_claim_that_comes_too_late_is_refused(keeper, clock, save, database, photo):
    kept = keeper().keep([photo()], Verdict.REVIEW)
    clock.passes(GRACE / 2 + 1)

    with pytest.raises(ClaimedTooLate, match="XUNTU_LOOSE_FILE_SECONDS"):
        save("1", kept)

    with database.reading() as session:
        assert session.scalar(select(Case)) is None


def test_what_is_not_kept_can_be_claimed_at_any_time(save):
    save("1", [KeptPhoto()])


def test_a_photo_that_another_case_names_outlives_a_purge(
    keeper, clock, save, purge, notes, stored, database, store, photo
):
    first, second = (keeper().keep([photo()], Verdict.REVIEW) for _ in range(2))
    save("1", first)
    save("2", second)

    purge("1", first[0])
    clock.passes(GRACE)
    assert sweep(database, store, GRACE) == 0
    assert notes() == set()
    assert stored() == set(second[0].addresses)

    purge("2", second[0])
    clock.passes(GRACE)
    assert sweep(database, store, GRACE) == 1
    assert stored() == set()


def test_a_purge_between_keep_and_claim_of_another_case_takes_nothing(
    keeper, clock, save, purge, stored, database, store, photo
):
    first = keeper().keep([photo()], Verdict.REVIEW)
    save("1", first)
    clock.passes(10_000)
    second = keeper().keep([photo()], Verdict.REVIEW)  # finds the file standing

    purge("1", first[0])
    clock.passes(GRACE / 2)
    sweep(database, store, GRACE)
    save("2", second)

    clock.passes(10_000)
    sweep(database, store, GRACE)
    assert stored() == set(second[0].addresses)


def test_a_claim_of_one_case_takes_nothing_from_another_on_its_way(
    keeper, clock, save, purge, stored, database, store, photo
):
    """The first claim removes the note both share; then the first case goes while the second is not yet saved."""
    first, second = (keeper().keep([photo()], Verdict.REVIEW) for _ in range(2))
    save("1", first)
    purge("1", first[0])
    clock.passes(GRACE / 2)
    sweep(database, store, GRACE)
    save("2", second)

    clock.passes(10_000)
    sweep(database, store, GRACE)
    assert stored() == set(second[0].addresses)


def test_a_purged_photo_that_is_sent_again_is_kept(keeper, clock, save, purge, stored, database, store, photo):
    first = keeper().keep([photo()], Verdict.REVIEW)
    save("1", first)
    purge("1", first[0])
    clock.passes(GRACE - 1)
    second = keeper().keep([photo()], Verdict.REVIEW)  # the note is young again
    clock.passes(2)
    assert sweep(database, store, GRACE) == 0
    save("2", second)

    assert stored() == set(second[0].addresses)


def test_a_photo_sent_while_a_sweep_removes_it_is_written_again(
    keeper, clock, notes, save, stored, database, store, photo, monkeypatch
):
    """The sweep stands between removing the file and the end of its transaction; keep waits for it."""
    keeper().keep([photo()], Verdict.REVIEW)
    clock.passes(GRACE)
    removed, go_on, kept = threading.Event(), threading.Event(), []
    delete_file = store.delete

    def delete_and_wait(address):
        delete_file(address)
        removed.set()
        assert go_on.wait(10)

    monkeypatch.setattr(store, "delete", delete_and_wait)
    sweeping = threading.Thread(target=sweep, args=(database, store, GRACE))
    keeping_again = threading.Thread(target=lambda: kept.extend(keeper().keep([photo()], Verdict.REVIEW)))
    sweeping.start()
    assert removed.wait(10)
    keeping_again.start()
    keeping_again.join(0.2)
    assert keeping_again.is_alive()  # it could not note the address
    go_on.set()
    sweeping.join(10)
    keeping_again.join(10)

    save("1", kept)
    assert stored() == set(kept[0].addresses)
    assert notes() == set()


def test_a_file_that_cannot_be_removed_stays_noted_and_stops_no_other(
    keeper, clock, notes, database, store, photo, monkeypatch, caplog
):
    kept = [item.kept_sha256 for item in keeper().keep([photo(), photo(400)], Verdict.REVIEW)]
    clock.passes(GRACE)
    delete_file = store.delete

    def refuse_first(address):
        if address == min(kept):
            raise PhotoStoreFailed(f"{address}: cannot be removed")
        delete_file(address)

    monkeypatch.setattr(store, "delete", refuse_first)

    assert sweep(database, store, GRACE) == 1
    assert notes() == {min(kept)}
    assert "cannot be removed" in caplog.text


def test_a_sweep_ends_early_when_told_to(keeper, stored, database, store, photo):
    keeper().keep([photo(), photo(400)], Verdict.REVIEW)

    assert sweep(database, store, 0, go_on=lambda: False) == 0
    assert len(stored()) == 2
