"""The endpoints as rows: added, closed, forgotten, and their messages sent once more."""

import base64
import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from serve.database import Database
from serve.tables import WebhookEndpoint, WebhookMessage
from serve.webhooks.outbox import deliver_soon

MOST_ENDPOINTS = 20
"""Live ones. Each has a few connections of its own, so that none waits for another."""

_SECRET_BYTES = 32


class TooManyEndpoints(Exception):
    """One has to be removed first."""


def add_endpoint(session: Session, url: str, events: Sequence[str], now: datetime) -> WebhookEndpoint:
    """A new endpoint with a new secret.

    Raises:
        TooManyEndpoints: there are MOST_ENDPOINTS.
    """
    live = select(func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None))
    if (session.scalar(live) or 0) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    endpoint = WebhookEndpoint(
        id=str(uuid.uuid4()), url=url, secret=f"whsec_{secret}", events=list(events), created_at=now
    )
    session.add(endpoint)
    return endpoint


def close_endpoint(session: Session, endpoint: WebhookEndpoint, now: datetime) -> None:
    """It is sent nothing any more; what was on its way to it is given up, and stays to be seen."""
    endpoint.removed_at = now
    session.execute(
        update(WebhookMessage)
        .where(WebhookMessage.endpoint_id == endpoint.id, WebhookMessage.due_at.is_not(None))
        .values(due_at=None)
        .execution_options(synchronize_session=False)
    )


def replay(
    session: Session,
    endpoint: WebhookEndpoint,
    now: datetime,
    *,
    message_id: str | None = None,
    since: datetime | None = None,
) -> int:
    """Send messages again with the ids they had: how many.

    Args:
        message_id: this one; else all
        since: this moment, delivered or not; else those that were given up.
    """
    again = update(WebhookMessage).where(WebhookMessage.endpoint_id == endpoint.id)
    if message_id is not None:
        again = again.where(WebhookMessage.id == message_id)
    elif since is not None:
        again = again.where(WebhookMessage.created_at >= since)
    else:
        again = again.where(WebhookMessage.due_at.is_(None), WebhookMessage.delivered_at.is_(None))
    again = again.values(due_at=now, leased_until=None, attempts=0, delivered_at=None)
    replayed = session.scalars(again.returning(WebhookMessage.id).execution_options(synchronize_session=False)).all()
    deliver_soon(session)
    return len(replayed)


def forget_messages(database: Database, days: int) -> None:
    """Remove messages that were delivered or given up, and endpoints that were removed, this long ago. Blocks.

    Args:
        days: counted from when a message was written; 0 keeps all.
    """
    if not days:
        return
    before = datetime.now(UTC) - timedelta(days=days)
    with database.writing() as session:
        done = WebhookMessage.due_at.is_(None) & (
            func.coalesce(WebhookMessage.delivered_at, WebhookMessage.created_at) < before
        )
        session.execute(delete(WebhookMessage).where(done))
        without = ~select(WebhookMessage.id).where(WebhookMessage.endpoint_id == WebhookEndpoint.id).exists()
        session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.removed_at < before, without))
