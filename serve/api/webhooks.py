"""/v1/webhooks: an administrator says where events are sent, sees what came of each, and has them sent again.

The secret that signs the messages is shown once, in the answer that makes the webhook.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from serve.access.caller import caller_of, takes
from serve.access.roles import Role
from serve.access.route import GuardedRoute
from serve.cases.audit import record
from serve.cases.paging import MOST_ROWS, after_cursor, cut_page
from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import service_of
from serve.settings import Settings
from serve.tables import WebhookEndpoint, WebhookMessage
from serve.webhooks.endpoints import MOST_ENDPOINTS, TooManyEndpoints, add_endpoint, close_endpoint, replay
from serve.webhooks.outbox import TEST_EVENT, Event, add_message
from serve.webhooks.targets import MAX_URL_CHARACTERS, Target, TargetRefused, checked_addresses, read_target

router = APIRouter(prefix="/webhooks", tags=["事件通知 Webhooks"], route_class=GuardedRoute)

_ADMIN = [Depends(takes(Role.ADMIN))]


class MessageStatus(StrEnum):
    """How far a message has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class NewWebhook(BaseModel):
    """Where to send what."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=MAX_URL_CHARACTERS, examples=["https://city.example/hooks/xuntu"])
    events: list[Event] = Field(min_length=1, max_length=len(Event))


class WebhookAnswer(BaseModel):
    """One webhook, without its secret."""

    id: str
    url: str
    events: list[Event]
    created_at: datetime
    removed_at: datetime | None
    waiting: int = Field(description="Messages still to be delivered")
    given_up: int = Field(description="Messages that were not delivered and are tried no more; replay sends them again")


class MadeWebhook(BaseModel):
    """The only answer that ever holds the secret."""

    id: str
    url: str
    events: list[Event]
    created_at: datetime
    secret: str = Field(description="Verifies signatures, see docs/webhooks.md", examples=["whsec_" + "x" * 43 + "="])


class WebhooksAnswer(BaseModel):
    """All webhooks, oldest first; removed ones as long as they have messages."""

    webhooks: list[WebhookAnswer]


class MessageAnswer(BaseModel):
    """What came of one message."""

    id: str = Field(description="The header webhook-id", examples=["msg_" + "0" * 32])
    event: str = Field(examples=["case.created"])
    status: MessageStatus
    created_at: datetime
    attempts: int = Field(description="Made so far, since it was last replayed")
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_error: str | None = Field(examples=["HTTP 500"])


class MessagesAnswer(BaseModel):
    """One page of the messages of a webhook."""

    messages: list[MessageAnswer] = Field(description="Newest first")
    next_cursor: str | None


class ReplayWanted(BaseModel):
    """Which messages to send again: one, all since a moment, or, with neither, those that were given up."""

    model_config = ConfigDict(extra="forbid")

    message_id: str | None = Field(default=None, max_length=64, pattern=r"^[^\x00]*$")
    since: AwareDatetime | None = Field(default=None, description="created_at, inclusive; delivered or not")

    @model_validator(mode="after")
    def _is_clear(self) -> "ReplayWanted":
        if self.message_id is not None and self.since is not None:
            raise ValueError("expected message_id or since, found both")
        return self


class Replayed(BaseModel):
    """How many messages are sent again."""

    messages: int


class SentTest(BaseModel):
    """Ask for the messages of the webhook to see what came of it."""

    message_id: str


@router.post(
    "",
    status_code=201,
    dependencies=_ADMIN,
    summary="添加通知地址 · Add a webhook",
    responses=refusals(
        "too_many_webhooks",
        "webhook_url_invalid",
        "webhook_target_private",
        "webhook_host_unknown",
        "invalid_parameter",
        "internal_error",
    ),
)
async def add(request: Request, response: Response, new: NewWebhook) -> MadeWebhook:
    """The secret is shown this once. Private addresses are refused unless a setting allows them."""
    target = await run_in_threadpool(_checked, new.url, service_of(request).settings)
    made = await run_in_threadpool(_add, request, new, target)
    response.headers["Cache-Control"] = "no-store"
    return made


@router.get("", dependencies=_ADMIN, summary="通知地址列表 · All webhooks", responses=refusals("internal_error"))
def show_all(request: Request) -> WebhooksAnswer:
    """With how many messages wait and how many were given up."""
    with service_of(request).database.reading() as session:
        waiting = _count(session, WebhookMessage.due_at.is_not(None))
        given_up = _count(session, WebhookMessage.due_at.is_(None) & WebhookMessage.delivered_at.is_(None))
        rows = session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)).all()
    return WebhooksAnswer(
        webhooks=[
            WebhookAnswer(
                id=row.id,
                url=row.url,
                events=[Event(name) for name in row.events],
                created_at=row.created_at,
                removed_at=row.removed_at,
                waiting=waiting.get(row.id, 0),
                given_up=given_up.get(row.id, 0),
            )
            for row in rows
        ]
    )


@router.delete(
    "/{webhook_id}",
    status_code=204,
    dependencies=_ADMIN,
    summary="移除通知地址 · Remove a webhook",
    responses=refusals("webhook_not_found", "invalid_parameter", "internal_error"),
)
def remove(request: Request, webhook_id: str) -> None:
    """It is sent nothing any more. What was not delivered by then stays to be seen, as given up."""
    with service_of(request).database.writing() as session:
        close_endpoint(session, _find(session, webhook_id), datetime.now(UTC))
        record(session, caller_of(request), "webhook.removed", content={"id": webhook_id})


@router.get(
    "/{webhook_id}/messages",
    dependencies=_ADMIN,
    summary="消息列表 · Messages of a webhook",
    responses=refusals("webhook_not_found", "cursor_invalid", "invalid_parameter", "internal_error"),
)
def show_messages(
    request: Request,
    webhook_id: str,
    status: MessageStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> MessagesAnswer:
    """Newest first, also of a webhook that was removed."""
    wanted = select(WebhookMessage).where(WebhookMessage.endpoint_id == webhook_id)
    if status is not None:
        wanted = wanted.where(_has(status))
    wanted = wanted.where(*after_cursor(cursor, WebhookMessage.created_at, WebhookMessage.id, str))
    wanted = wanted.order_by(WebhookMessage.created_at.desc(), WebhookMessage.id.desc()).limit(limit + 1)
    with service_of(request).database.reading() as session:
        _find(session, webhook_id, removed_too=True)
        page, next_cursor = cut_page(session.scalars(wanted).all(), limit, lambda row: (row.created_at, row.id))
    return MessagesAnswer(messages=[_answer(row) for row in page], next_cursor=next_cursor)


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    dependencies=_ADMIN,
    summary="重发消息 · Send messages again",
    responses=refusals("webhook_not_found", "webhook_message_not_found", "invalid_parameter", "internal_error"),
)
def send_again(request: Request, webhook_id: str, wanted: ReplayWanted) -> Replayed:
    """With the ids they had: a receiver that has one already leaves it."""
    content: dict[str, Any] = {"id": webhook_id, **wanted.model_dump(mode="json", exclude_none=True)}
    with service_of(request).database.writing() as session:
        endpoint = _find(session, webhook_id)
        count = replay(session, endpoint, datetime.now(UTC), message_id=wanted.message_id, since=wanted.since)
        if wanted.message_id is not None and not count:
            raise Refusal("webhook_message_not_found", id=wanted.message_id)
        record(session, caller_of(request), "webhook.replayed", content={**content, "messages": count})
    return Replayed(messages=count)


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    dependencies=_ADMIN,
    summary="发送测试事件 · Send a test event",
    responses=refusals("webhook_not_found", "invalid_parameter", "internal_error"),
)
def send_test(request: Request, webhook_id: str) -> SentTest:
    """An event `webhook.test`, signed and tried again like any other."""
    with service_of(request).database.writing() as session:
        message = add_message(session, _find(session, webhook_id), TEST_EVENT, {"webhook_id": webhook_id})
        record(session, caller_of(request), "webhook.tested", content={"id": webhook_id})
    return SentTest(message_id=message.id)


def _checked(url: str, settings: Settings) -> Target:
    try:
        target = read_target(url, allow_private=settings.webhook_allow_private)
        checked_addresses(target, allow_private=settings.webhook_allow_private)
    except TargetRefused as error:
        raise Refusal(error.reason, reason=str(error)) from error
    return target


def _add(request: Request, new: NewWebhook, target: Target) -> MadeWebhook:
    events = list(dict.fromkeys(new.events))
    with service_of(request).database.writing() as session:
        try:
            row = add_endpoint(session, new.url, events, datetime.now(UTC))
        except TooManyEndpoints as error:
            raise Refusal("too_many_webhooks", most=MOST_ENDPOINTS) from error
        content = {"id": row.id, "origin": target.origin, "events": events}
        record(session, caller_of(request), "webhook.added", content=content)
    return MadeWebhook(id=row.id, url=row.url, events=events, created_at=row.created_at, secret=row.secret)


def _find(session: Session, webhook_id: str, *, removed_too: bool = False) -> WebhookEndpoint:
    endpoint = None if "\x00" in webhook_id else session.get(WebhookEndpoint, webhook_id)
    if endpoint is None or (endpoint.removed_at is not None and not removed_too):
        raise Refusal("webhook_not_found", id=webhook_id)
    return endpoint


def _count(session: Session, which: ColumnElement[bool]) -> dict[str, int]:
    by_endpoint = select(WebhookMessage.endpoint_id, func.count()).where(which).group_by(WebhookMessage.endpoint_id)
    return {row[0]: row[1] for row in session.execute(by_endpoint)}


def _has(status: MessageStatus) -> ColumnElement[bool]:
    match status:
        case MessageStatus.WAITING:
            return WebhookMessage.due_at.is_not(None)
        case MessageStatus.DELIVERED:
            return WebhookMessage.delivered_at.is_not(None)
        case MessageStatus.GIVEN_UP:
            return WebhookMessage.due_at.is_(None) & WebhookMessage.delivered_at.is_(None)


def _answer(row: WebhookMessage) -> MessageAnswer:
    delivered = MessageStatus.DELIVERED if row.delivered_at else MessageStatus.GIVEN_UP
    return MessageAnswer(
        id=row.id,
        event=row.event,
        status=MessageStatus.WAITING if row.due_at else delivered,
        created_at=row.created_at,
        attempts=row.attempts,
        next_attempt_at=row.due_at,
        delivered_at=row.delivered_at,
        last_error=row.last_error,
    )
