"""What a purge removes, what it leaves, and what stays in the audit log."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from model.decision import Verdict
from serve.access.caller import Caller
from serve.access.roles import Role
from serve.photos import retention
from serve.photos.keeping import claim, sweep
from serve.photos.retention import Purged, purge
from serve.tables import AuditEntry, Case, CaseDuplicate, CasePhoto, IdempotentAnswer, WebhookEndpoint, WebhookMessage

ADMIN = Caller(key_name="li", role=Role.ADMIN)


def days_ago(days):
    return datetime.now(UTC) - timedelta(days=days)


@pytest.fixture
def save(database, keeper, case_row):
    """Save a case with kept photos: save("1", photo(), created_at=...); its kept photos."""

    def run(case_id, *photos, **varied):
        kept = keeper(originals=True).keep(photos, Verdict.REVIEW)
        with database.writing() as session:
            session.add(case_row(case_id, kept, **varied))
            claim(session, kept)
        return kept

    return run


@pytest.fixture
def run_purge(database):
    def run(**varied):
        return purge(database, ADMIN, **{"retention_days": 180, "photo_retention_days": 30, **varied})

    return run


@pytest.fixture
def found(database):
    """found(Case.id): all values of a column, in order."""

    def look(column):
        with database.reading() as session:
            return list(session.scalars(select(column).order_by(column)))

    return look


def addresses(kept):
    return {address for photo in kept for address in photo.addresses}


def test_old_cases_go_whole_whatever_their_status(save, run_purge, found, stored, database, store, photo):
    gone = save("old", photo(), photo(400), created_at=days_ago(181), status="in_review")
    stays = save("young", photo(500), created_at=days_ago(179), status="established")
    with database.writing() as session:
        session.add(CaseDuplicate(case_id="young", earlier_id="old", reason="same_photo"))
        sent = list(session.scalars(select(CasePhoto.sha256).where(CasePhoto.case_id == "old")))

    assert run_purge() == Purged(cases=1, cases_without_photos=0)
    sweep(database, store, 0)

    assert found(Case.id) == ["young"]
    assert found(CasePhoto.case_id) == ["young"]
    assert found(CaseDuplicate.case_id) == []
    assert stored() == addresses(stays)
    assert not stored() & addresses(gone)
    with database.reading() as session:
        (entry,) = session.scalars(select(AuditEntry))
    assert (entry.action, entry.case_id, entry.key_name, entry.role) == ("case.purged", "old", "li", "admin")
    assert sorted(entry.photo_sha256s) == sorted(sent)
    assert entry.content["status"] == "in_review"
    assert "Li Hua" not in str(entry.content)


def test_cases_that_are_done_lose_their_photos_and_stay(save, run_purge, found, stored, database, store, photo):
    save("dismissed", photo(), created_at=days_ago(40), status="dismissed")
    save("closed", photo(400), created_at=days_ago(40), status="closed")
    lately = save("closed lately", photo(500), created_at=days_ago(40), updated_at=days_ago(29), status="closed")
    waiting = save("waiting", photo(600), created_at=days_ago(40), status="in_review")

    assert run_purge() == Purged(cases=0, cases_without_photos=2)
    sweep(database, store, 0)

    assert len(found(Case.id)) == 4
    assert stored() == addresses(lately) | addresses(waiting)
    with database.reading() as session:
        named = select(CasePhoto.case_id).where(CasePhoto.kept_sha256.is_not(None)).order_by(CasePhoto.case_id)
        assert list(session.scalars(named)) == ["closed lately", "waiting"]
    assert found(AuditEntry.action) == ["case.photos_purged", "case.photos_purged"]
    assert run_purge() == Purged(cases=0, cases_without_photos=0)


def test_a_photo_that_a_younger_case_shares_stays(save, run_purge, stored, database, store, photo):
    save("old", photo(), created_at=days_ago(200))
    kept = save("young", photo())

    run_purge()
    sweep(database, store, 0)

    assert stored() == addresses(kept)


def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(save, run_purge, found, photo):
    save("old", photo(), created_at=days_ago(200), status="closed")  # goes whole, so it is not counted twice
    save("done", photo(), created_at=days_ago(40), status="closed")
    save("open", photo())

    would = run_purge(dry_run=True)

    assert would == Purged(cases=1, cases_without_photos=1)
    assert len(found(Case.id)) == 3
    assert found(AuditEntry.id) == []
    assert run_purge() == would


def test_zero_days_keep_for_good(save, run_purge, found, photo):
    save("old", photo(), created_at=days_ago(4000), status="closed")

    for dry_run in (True, False):
        nothing = Purged(cases=0, cases_without_photos=0)
        assert run_purge(retention_days=0, photo_retention_days=0, dry_run=dry_run) == nothing
    assert found(Case.id) == ["old"]
    assert None not in found(CasePhoto.kept_sha256)


def test_more_than_a_batch_goes_and_the_end_of_the_service_is_heard(
    save, run_purge, found, database, case_row, monkeypatch
):
    monkeypatch.setattr(retention, "_CASES_AT_ONCE", 2)
    for number in range(5):
        save(str(number), created_at=days_ago(200 - number))
    rounds = iter([True, False])

    assert run_purge(go_on=lambda: next(rounds, False)).cases == 2
    assert found(Case.id) == ["2", "3", "4"]  # the oldest first
    assert run_purge().cases == 3


def test_old_answers_and_messages_go_too(run_purge, database):
    with database.writing() as session:
        session.add(WebhookEndpoint(id="e", url="http://127.0.0.1", secret="s", events=[], created_at=days_ago(400)))
        session.flush()
        for days in (1, 8, 181):
            session.add(
                IdempotentAnswer(
                    key_name="city", idempotency_key=str(days), request_sha256="0" * 64, status=201, body="{}",
                    created_at=days_ago(days),
                )
            )  # fmt: skip
            session.add(
                WebhookMessage(
                    id=str(days),
                    endpoint_id="e",
                    event="case.created",
                    body="{}",
                    created_at=days_ago(days),
                    attempts=1,
                )
            )

    run_purge()

    with database.reading() as session:
        assert list(session.scalars(select(IdempotentAnswer.idempotency_key))) == ["1"]
        assert set(session.scalars(select(WebhookMessage.id))) == {"1", "8"}
        assert session.scalar(select(func.count()).select_from(WebhookEndpoint)) == 1
