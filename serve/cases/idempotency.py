"""Requests that are sent again: the same Idempotency-Key and content get the same answer, and are carried out once.

After draft-ietf-httpapi-idempotency-key-header-07. The answer is stored in the transaction of what it answers, so there
is no moment at which one is there without the other, and it survives a restart.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request, Response
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve.access.caller import caller_of
from serve.database import Database
from serve.refusals import Refusal
from serve.tables import IdempotentAnswer

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """One request that may come again."""

    key_name: str
    """Whose key sent it: two callers may choose the same idempotency key."""
    idempotency_key: str
    request_sha256: str


def read_repeatable(request: Request, fields: bytes, photos: Sequence[bytes]) -> Repeatable | None:
    """What makes this request the same as another one; None where the caller sends no key.

    Photos count by their content and fields by their canonical form: another attempt has other boundaries. Blocks for
    a millisecond a megabyte.

    Raises:
        Refusal: idempotency_key_invalid.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise Refusal("idempotency_key_invalid", found=repr(given[:40]))
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), fields, *photos):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return Repeatable(key_name=caller_of(request).key_name, idempotency_key=given, request_sha256=digest.hexdigest())


def find_answer(session: Session, repeatable: Repeatable | None) -> Response | None:
    """The answer that this request got before.

    Raises:
        Refusal: idempotency_key_reused, when the key came with something else.
    """
    if repeatable is None:
        return None
    stored = session.get(IdempotentAnswer, (repeatable.key_name, repeatable.idempotency_key))
    if stored is None:
        return None
    if stored.request_sha256 != repeatable.request_sha256:
        raise Refusal("idempotency_key_reused", found=repr(repeatable.idempotency_key[:40]))
    headers = {REPLAYED_HEADER: "true"}
    return Response(stored.body, stored.status, headers, media_type="application/json")


def keep_answer(session: Session, repeatable: Repeatable | None, status: int, body: str) -> None:
    """Store an answer with what it answers. Two at once collide on the primary key, and one is undone."""
    if repeatable is not None:
        session.add(
            IdempotentAnswer(
                key_name=repeatable.key_name,
                idempotency_key=repeatable.idempotency_key,
                request_sha256=repeatable.request_sha256,
                status=status,
                body=body,
                created_at=datetime.now(UTC),
            )
        )


def carry_out(
    database: Database, repeatable: Repeatable | None, status: int, work: Callable[[Session], str]
) -> Response:
    """Do `work` in one transaction with its answer, unless it was done before. Blocks.

    Args:
        work: changes the database and returns the answer's JSON.
    """
    try:
        with database.writing() as session:
            if (answer := find_answer(session, repeatable)) is not None:
                return answer
            body = work(session)
            keep_answer(session, repeatable, status, body)
    except IntegrityError:
        # Two at once: the other one has committed, and this one is undone.
        with database.reading() as session:
            if (answer := find_answer(session, repeatable)) is None:
                raise
        return answer
    return Response(body, status, media_type="application/json")


def find_earlier(database: Database, repeatable: Repeatable | None) -> Response | None:
    """`find_answer` before any work is begun. Blocks."""
    if repeatable is None:
        return None
    with database.reading() as session:
        return find_answer(session, repeatable)


def forget_answers(session: Session, before: datetime) -> None:
    """Remove the answers stored before a moment."""
    session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < before))
