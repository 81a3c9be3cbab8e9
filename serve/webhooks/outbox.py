"""What is to be told is written in the transaction of what it tells of: neither is ever there without the other."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serve.tables import WebhookEndpoint, WebhookMessage

ANNOUNCED = "webhooks_announced"
"""In the `info` of a session whose transaction leaves messages to deliver."""


class Event(StrEnum):
    """What an endpoint may want to be told."""

    CASE_CREATED = "case.created"
    CASE_REVIEWED = "case.reviewed"
    CASE_VERIFIED = "case.verified"


TEST_EVENT = "webhook.test"
"""Sent to one endpoint, whatever it wants, when an administrator asks for it."""


def announce(session: Session, event: str, data: Mapping[str, Any]) -> None:
    """One message for each endpoint that wants this event, in the caller's transaction.

    Args:
        event: `case.created`, … the subject first.
        data: plain JSON values; no photo, no reporter, no place.
    """
    endpoints = session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None))).all()
    for endpoint in endpoints:
        if event in endpoint.events:
            add_message(session, endpoint, event, data)


def add_message(session: Session, endpoint: WebhookEndpoint, event: str, data: Mapping[str, Any]) -> WebhookMessage:
    """One message for this endpoint, due at once."""
    now = datetime.now(UTC)
    message = WebhookMessage(
        id=f"msg_{uuid.uuid4().hex}",
        endpoint_id=endpoint.id,
        event=event,
        body=json.dumps({"type": event, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False),
        created_at=now,
        due_at=now,
        attempts=0,
    )
    session.add(message)
    deliver_soon(session)
    return message


def deliver_soon(session: Session) -> None:
    """Wake the delivery of this process when the transaction is on disk; that of others looks every few seconds."""
    session.info[ANNOUNCED] = True
