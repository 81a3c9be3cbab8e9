"""What is to be told is written in the transaction of what it tells of: neither is ever there without the other."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serve.tables import WebhookEndpoint, WebhookMessage


def announce(session: Session, event: str, data: Mapping[str, Any]) -> None:
    """One message for each endpoint that wants this event, in the caller's transaction.

    Args:
        event: `case.created`, … the subject first.
        data: plain JSON values; no photo, no reporter, no place.
    """
    now = datetime.now(UTC)
    body = json.dumps({"type": event, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False)
    for endpoint in session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None))):
        if event in endpoint.events:
            session.add(
                WebhookMessage(
                    id=f"msg_{uuid.uuid4().hex}",
                    endpoint_id=endpoint.id,
                    event=event,
                    body=body,
                    created_at=now,
                    due_at=now,
                    attempts=0,
                )
            )
