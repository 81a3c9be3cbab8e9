"""The audit log: who did what and when, and what the machine said. It is only ever added to.

Photos are named by the SHA-256 of the file that was sent: whoever has the file can prove that it was this one.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from model.card import ModelCard
from serve.access.caller import Caller
from serve.tables import AuditEntry


def record(
    session: Session,
    caller: Caller,
    action: str,
    *,
    case_id: str | None = None,
    photo_sha256s: Sequence[str] = (),
    card: ModelCard | None = None,
    content: Mapping[str, Any] | None = None,
) -> None:
    """Add one entry in the transaction of what it tells of.

    Args:
        action: `case.created`, `key.added`, … the subject first.
        card: of the model that answered, if one did.
        content: scores and decision, or what was changed; no personal data.
    """
    session.add(
        AuditEntry(
            at=datetime.now(UTC),
            key_name=caller.key_name,
            role=str(caller.role),
            action=action,
            case_id=case_id,
            photo_sha256s=list(photo_sha256s),
            model_version=card.version if card else None,
            model_fingerprint=card.fingerprint() if card else None,
            content=dict(content or {}),
        )
    )
