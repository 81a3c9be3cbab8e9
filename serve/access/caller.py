"""Who sends a request, and the check that each route makes before anything else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from serve.access.keys import LOCAL
from serve.access.roles import Role
from serve.access.sessions import StaffSession
from serve.refusals import Refusal
from serve.service import service_of


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose key came with a request."""

    key_name: str
    role: Role


def takes(*roles: Role) -> Callable[[Request], Awaitable[None]]:
    """The dependency of a route that these roles, and always admin, may use.

    Raises (the dependency):
        Refusal: unauthorized, too_many_requests, csrf_token, forbidden.
    """
    taken = frozenset((*roles, Role.ADMIN))
    named = ", ".join(role for role in Role if role in taken)

    async def check(request: Request) -> None:
        if getattr(request.state, "checked", None) is check:
            return  # by GuardedRoute, before the body was read
        request.state.checked = check
        service = service_of(request)
        if not service.settings.keys_required:
            request.state.caller, request.state.session = Caller(key_name=LOCAL, role=Role.ADMIN), None
            return
        key, session = await service.gate.let_in(request)
        if key.role not in taken:
            raise Refusal("forbidden", role=key.role, roles=named)
        request.state.caller, request.state.session = Caller(key_name=key.name, role=key.role), session

    check.roles = taken  # type: ignore[attr-defined]  # the document at /openapi.json and tests walk all routes by it
    return check


def caller_of(request: Request) -> Caller:
    """Who sends this request; the route `takes` somebody."""
    caller: Caller = request.state.caller
    return caller


def session_of(request: Request) -> StaffSession | None:
    """The browser session this request belongs to; None where it came with a key."""
    session: StaffSession | None = request.state.session
    return session
