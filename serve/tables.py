"""What is stored, table by table. Changes need a step in serve/migrations/versions.

Photos are not in the database but in the photo store, under the SHA-256 of what is kept of them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_ID: Final = 36
_KEY: Final = 64
_SHA256: Final = 64


class Instant(TypeDecorator[datetime]):
    """A moment, always UTC: SQLite forgets time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone, found {value}")
        try:
            return value.astimezone(UTC)
        except OverflowError:  # hours before the first year or after the last
            return value.replace(tzinfo=UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[Mapping[Any, Any]] = {
        datetime: Instant(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        dict[str, float]: JSON(),
    }


class Case(Table):
    """One report: what was sent, what the machine said and how far it has come."""

    __tablename__ = "cases"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "status", "created_at"),
        Index(None, "latitude", "longitude"),
    )

    id: Mapped[str] = mapped_column(String(_ID), primary_key=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(_KEY))
    verdict: Mapped[str] = mapped_column(String(_KEY))
    scores: Mapped[dict[str, float]]
    external_id: Mapped[str | None] = mapped_column(String(200), index=True)
    longitude: Mapped[float | None] = mapped_column(Float)
    latitude: Mapped[float | None] = mapped_column(Float)
    crs: Mapped[str | None] = mapped_column(String(_KEY))
    captured_at: Mapped[datetime | None]
    reporter: Mapped[str | None] = mapped_column(String(200))
    grid: Mapped[str | None] = mapped_column(String(200), index=True)
    key_name: Mapped[str] = mapped_column(String(_KEY), index=True)
    """Whose key sent it."""
    model_name: Mapped[str] = mapped_column(String(_KEY))
    model_version: Mapped[str] = mapped_column(String(_KEY))
    model_fingerprint: Mapped[str] = mapped_column(String(_SHA256))

    problems: Mapped[list["CaseProblem"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CaseProblem.score.desc()"
    )
    photos: Mapped[list["CasePhoto"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CasePhoto.id"
    )
    duplicates: Mapped[list["CaseDuplicate"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, foreign_keys="CaseDuplicate.case_id"
    )
    verifications: Mapped[list["Verification"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="Verification.created_at"
    )
    reviews: Mapped[list["Review"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="Review.created_at"
    )


class CaseProblem(Table):
    """A problem that a case has: found by the machine, then, once there is a review, what the person said."""

    __tablename__ = "case_problems"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(_KEY), primary_key=True, index=True)
    score: Mapped[float]


class CasePhoto(Table):
    """What was said of one photo of a case. `kept_sha256` is where the photo store has a copy, if it has."""

    __tablename__ = "case_photos"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    verification_id: Mapped[str | None] = mapped_column(ForeignKey("verifications.id", ondelete="CASCADE"), index=True)
    """Of the check it was sent for, after the work; empty for the photos of the report."""
    sha256: Mapped[str] = mapped_column(String(_SHA256), index=True)
    """Of the file as it was sent."""
    width: Mapped[int]
    height: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(_KEY))
    problems: Mapped[list[str]]
    scores: Mapped[dict[str, float]]
    quality: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """Its issues, see model/quality.py."""
    signature: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What it looks like, see model/likeness.py: finds near-duplicates."""
    features: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What the network saw, float16: tells whether an after-photo shows the same kind of place."""
    kept_sha256: Mapped[str | None] = mapped_column(String(_SHA256), index=True)
    """Address of the upright copy without metadata."""
    original_sha256: Mapped[str | None] = mapped_column(String(_SHA256), index=True)
    """Address of the file as it was sent; only where the operator keeps originals."""


class CaseDuplicate(Table):
    """An earlier case that seems to report the same thing; pointed out, never merged."""

    __tablename__ = "case_duplicates"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    earlier_id: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True, index=True)
    reason: Mapped[str] = mapped_column(String(_KEY))
    """same_photo, alike_photo or same_external_id."""


class Verification(Table):
    """One check whether the problem of a case is gone, by photos taken after the work."""

    __tablename__ = "verifications"

    id: Mapped[str] = mapped_column(String(_ID), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    key_name: Mapped[str] = mapped_column(String(_KEY))
    outcome: Mapped[str] = mapped_column(String(_KEY))
    reason: Mapped[str] = mapped_column(String(_KEY))
    scores: Mapped[dict[str, float]]
    model_version: Mapped[str] = mapped_column(String(_KEY))


class Review(Table):
    """What a person said of a case: the labels that the next model learns from."""

    __tablename__ = "reviews"

    id: Mapped[str] = mapped_column(String(_ID), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    key_name: Mapped[str] = mapped_column(String(_KEY))
    judgement: Mapped[str] = mapped_column(String(_KEY))
    problems: Mapped[list[str]]
    note: Mapped[str | None] = mapped_column(Text)


class IdempotentAnswer(Table):
    """The answer to a request with an Idempotency-Key, given again when the request is repeated."""

    __tablename__ = "idempotent_answers"

    key_name: Mapped[str] = mapped_column(String(_KEY), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(_SHA256))
    """Of the route, the fields and the photos."""
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Table):
    """What happened, who did it and what the machine said. Rows are only ever added: triggers refuse the rest."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    key_name: Mapped[str] = mapped_column(String(_KEY))
    role: Mapped[str] = mapped_column(String(_KEY))
    action: Mapped[str] = mapped_column(String(_KEY))
    case_id: Mapped[str | None] = mapped_column(String(_ID), index=True)
    photo_sha256s: Mapped[list[str]]
    model_version: Mapped[str | None] = mapped_column(String(_KEY))
    model_fingerprint: Mapped[str | None] = mapped_column(String(_SHA256))
    content: Mapped[dict[str, Any]]
    """Scores and decision, or what was changed."""


class AccessKey(Table):
    """One key as it is kept: never the key itself."""

    __tablename__ = "access_keys"

    id: Mapped[str] = mapped_column(String(_KEY), primary_key=True)
    """The part of the key that finds its row."""
    name: Mapped[str] = mapped_column(String(_KEY), unique=True)
    role: Mapped[str] = mapped_column(String(_KEY))
    hash: Mapped[str] = mapped_column(String(255))
    """Argon2 of the secret part."""
    requests_per_minute: Mapped[int | None]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class EndedSession(Table):
    """A browser session that was ended before its cookie expires: a copy of the cookie opens nothing either."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(String(_ID), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class WebhookEndpoint(Table):
    """Where events are sent."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(String(_ID), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(255))
    events: Mapped[list[str]]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class WebhookMessage(Table):
    """One event for one endpoint, until it is delivered: written in the transaction of what it tells of."""

    __tablename__ = "webhook_messages"
    __table_args__ = (Index(None, "due_at", "leased_until"),)

    id: Mapped[str] = mapped_column(String(_ID), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(_KEY))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When it is tried next; empty once delivered or given up."""
    leased_until: Mapped[datetime | None]
    """Some process is sending it until then."""
    attempts: Mapped[int]
    delivered_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)


class LooseFile(Table):
    """An address in the photo store that may stand without a case: noted before the file is written or removed.

    A process that dies in between leaves the note, and the sweep removes the file if no photo names it.
    """

    __tablename__ = "loose_files"

    sha256: Mapped[str] = mapped_column(String(_SHA256), primary_key=True)
    noted_at: Mapped[datetime]


class Lease(Table):
    """Whose turn it is: of several processes, one does a periodic work until this moment. See serve/tasks.py."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(_KEY), primary_key=True)
    until: Mapped[datetime]
