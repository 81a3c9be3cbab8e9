"""/v1/keys: an administrator makes, lists and revokes keys. A key is shown once, in the answer that makes it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.concurrency import run_in_threadpool

from serve.access.caller import Caller, caller_of, takes
from serve.access.keys import NAME_RULE, KeyNameTaken, NoSuchKey, add_key, is_name, list_keys, revoke_key
from serve.access.roles import Role
from serve.access.route import GuardedRoute
from serve.cases.audit import record
from serve.database import Database
from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import service_of

router = APIRouter(tags=["访问 Access"], route_class=GuardedRoute)

_MOST_REQUESTS_PER_MINUTE = 1_000_000


class NewKey(BaseModel):
    """What a key shall be called and be for."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Unique for ever, also among revoked keys", examples=["patrol-07"])
    role: Role
    requests_per_minute: Annotated[int, Field(ge=0, le=_MOST_REQUESTS_PER_MINUTE)] | None = Field(
        default=None, description="null: as XUNTU_REQUESTS_PER_MINUTE says; 0: without limit"
    )

    @field_validator("name")
    @classmethod
    def _fits(cls, name: str) -> str:
        if not is_name(name):
            raise ValueError(NAME_RULE)
        return name


class MadeKey(BaseModel):
    """The only answer that ever holds the key."""

    name: str
    role: Role
    key: str = Field(description="Send it as `Authorization: Bearer …`", examples=["xt_0123456789abcdef_" + "x" * 43])


class KeyAnswer(BaseModel):
    """One key, without anything that would open something."""

    name: str
    role: Role
    requests_per_minute: int | None
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None


class KeysAnswer(BaseModel):
    """All keys, oldest first."""

    keys: list[KeyAnswer]


@router.post(
    "/keys",
    status_code=201,
    dependencies=[Depends(takes(Role.ADMIN))],
    summary="创建密钥 · Make a key",
    responses=refusals("key_name_taken", "invalid_parameter", "internal_error"),
)
async def make_key(request: Request, response: Response, new: NewKey) -> MadeKey:
    """The key is shown this once; only a hash of it is kept."""
    try:
        key = await run_in_threadpool(_add, service_of(request).database, caller_of(request), new)
    except KeyNameTaken as error:
        raise Refusal("key_name_taken", name=new.name) from error
    response.headers["Cache-Control"] = "no-store"
    return MadeKey(name=new.name, role=new.role, key=key)


@router.get(
    "/keys",
    dependencies=[Depends(takes(Role.ADMIN))],
    summary="密钥列表 · All keys",
    responses=refusals("internal_error"),
)
async def show_keys(request: Request) -> KeysAnswer:
    """Revoked keys are listed too: cases and the audit log name them."""
    return KeysAnswer(keys=await run_in_threadpool(_list, service_of(request).database))


@router.delete(
    "/keys/{name}",
    status_code=204,
    dependencies=[Depends(takes(Role.ADMIN))],
    summary="撤销密钥 · Revoke a key",
    responses=refusals("key_not_found", "key_in_use", "invalid_parameter", "internal_error"),
)
async def revoke(request: Request, name: str) -> None:
    """It opens nothing from now on, and its browser sessions end. Other worker processes notice within seconds."""
    service, caller = service_of(request), caller_of(request)
    if name == caller.key_name:
        raise Refusal("key_in_use")
    try:
        key_id = await run_in_threadpool(_revoke, service.database, caller, name)
    except NoSuchKey as error:
        raise Refusal("key_not_found", name=name) from error
    service.gate.known_keys.forget(key_id)


def _add(database: Database, caller: Caller, new: NewKey) -> str:
    with database.writing() as session:
        key = add_key(session, new.name, new.role, new.requests_per_minute)
        record(session, caller, "key.added", content={"name": new.name, "role": new.role})
    return key


def _list(database: Database) -> list[KeyAnswer]:
    with database.reading() as session:
        return [
            KeyAnswer(
                name=row.name,
                role=Role(row.role),
                requests_per_minute=row.requests_per_minute,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                revoked_at=row.revoked_at,
            )
            for row in list_keys(session)
        ]


def _revoke(database: Database, caller: Caller, name: str) -> str:
    with database.writing() as session:
        key_id = revoke_key(session, name)
        record(session, caller, "key.revoked", content={"name": name})
    return key_id
