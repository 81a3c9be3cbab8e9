"""/v1/session: staff sign in with a browser. The key is sent once; then a cookie that no script reads stands for it."""

from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from serve.access.caller import Caller, caller_of, session_of, takes
from serve.access.roles import EVERYONE, Role
from serve.access.route import GuardedRoute
from serve.access.sessions import COOKIE, CSRF_HEADER, StaffSession, end_session
from serve.cases.audit import record
from serve.database import Database
from serve.openapi import refusals
from serve.service import service_of

router = APIRouter(tags=["访问 Access"], route_class=GuardedRoute)


class SignIn(BaseModel):
    """What opens a session."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(examples=["xt_0123456789abcdef_" + "x" * 43])


class SessionAnswer(BaseModel):
    """Who one is."""

    name: str
    role: Role
    csrf_token: str | None = Field(
        description=f"To be sent as `{CSRF_HEADER}` with every POST, PUT, PATCH and DELETE; null where a key was sent"
    )
    expires_at: datetime | None


@router.post(
    "/session",
    summary="登录 · Sign in",
    responses=refusals("unauthorized", "invalid_parameter", "too_many_requests", "internal_error"),
)
async def open_session(request: Request, response: Response, sign_in: SignIn) -> SessionAnswer:
    """The cookie is good for XUNTU_SESSION_HOURS, and until the key is revoked or one signs out."""
    service = service_of(request)
    key = await service.gate.recognise(request, sign_in.key.strip())
    sessions = service.gate.sessions
    session, cookie = sessions.open(key.id)
    caller = Caller(key_name=key.name, role=key.role)
    await run_in_threadpool(_note, service.database, caller)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=sessions.seconds,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return _answer(response, caller, session)


@router.get(
    "/session",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="当前身份 · Who one is",
    responses=refusals("internal_error"),
)
async def show_session(request: Request, response: Response) -> SessionAnswer:
    """Also for whoever sends a key."""
    return _answer(response, caller_of(request), session_of(request))


@router.delete(
    "/session",
    status_code=204,
    dependencies=[Depends(takes(*EVERYONE))],
    summary="退出 · Sign out",
    responses=refusals("internal_error"),
)
async def close_session(request: Request, response: Response) -> None:
    """The cookie, and any copy of it, is refused from now on; where a key was sent nothing happens."""
    session = session_of(request)
    if session is not None:
        await run_in_threadpool(_end, service_of(request).database, caller_of(request), session)
    response.delete_cookie(COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="strict")


def _answer(response: Response, caller: Caller, session: StaffSession | None) -> SessionAnswer:
    response.headers["Cache-Control"] = "no-store"
    return SessionAnswer(
        name=caller.key_name,
        role=caller.role,
        csrf_token=session.csrf_token if session else None,
        expires_at=session.expires_at if session else None,
    )


def _note(database: Database, caller: Caller) -> None:
    with database.writing() as session:
        record(session, caller, "session.opened")


def _end(database: Database, caller: Caller, staff_session: StaffSession) -> None:
    with database.writing() as session:
        end_session(session, staff_session)
        record(session, caller, "session.closed")
