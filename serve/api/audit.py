"""GET /v1/audit: what happened, who did it, and what the machine said. It can be read, never changed."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import select

from serve.access.caller import takes
from serve.access.roles import Role
from serve.cases.paging import MOST_ROWS, after_cursor, cut_page
from serve.openapi import refusals
from serve.service import service_of
from serve.tables import AuditEntry

router = APIRouter(tags=["审计 Audit"])


class AuditAnswer(BaseModel):
    """One entry."""

    id: int
    at: datetime
    key_name: str = Field(description="Whose key it was")
    role: str
    action: str = Field(examples=["case.created"])
    case_id: str | None
    photo_sha256s: list[str] = Field(description="Of the files as they were sent")
    model_version: str | None
    model_fingerprint: str | None = Field(description="SHA-256 of all that decides an answer of the model")
    content: dict[str, Any] = Field(description="Scores and decision, or what was changed")


class AuditList(BaseModel):
    """One page of the audit log."""

    entries: list[AuditAnswer] = Field(description="Newest first")
    next_cursor: str | None


@router.get(
    "/audit",
    dependencies=[Depends(takes(Role.ADMIN))],
    summary="审计日志 · The audit log",
    responses=refusals("cursor_invalid", "invalid_parameter"),
)
def list_entries(
    request: Request,
    case_id: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
    action: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> AuditList:
    """Newest first."""
    wanted = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit + 1)
    if case_id is not None:
        wanted = wanted.where(AuditEntry.case_id == case_id)
    if action is not None:
        wanted = wanted.where(AuditEntry.action == action)
    if since is not None:
        wanted = wanted.where(AuditEntry.at >= since)
    if until is not None:
        wanted = wanted.where(AuditEntry.at < until)
    wanted = wanted.where(*after_cursor(cursor, AuditEntry.at, AuditEntry.id, int))
    with service_of(request).database.reading() as session:
        page, next_cursor = cut_page(session.scalars(wanted).all(), limit, lambda entry: (entry.at, entry.id))
        names = AuditAnswer.model_fields
        return AuditList(
            entries=[AuditAnswer(**{name: getattr(entry, name) for name in names}) for entry in page],
            next_cursor=next_cursor,
        )
