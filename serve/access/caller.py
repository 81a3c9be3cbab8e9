"""Who sends a request, and the check that each route makes before anything else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from serve.access.roles import Role
from serve.refusals import Refusal
from serve.service import service_of

LOCAL = "local"
"""Name of whoever uses this machine where no key is demanded."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose key came with a request."""

    key_name: str
    role: Role


def takes(*roles: Role) -> Callable[[Request], Awaitable[None]]:
    """The dependency of a route that these roles, and always admin, may use.

    Raises (the dependency):
        Refusal: unauthorized.
    """

    async def check(request: Request) -> None:
        request.state.caller = _find_caller(request)

    check.roles = frozenset((*roles, Role.ADMIN))  # type: ignore[attr-defined]  # tests walk all routes by it
    return check


def caller_of(request: Request) -> Caller:
    """Who sends this request; the route `takes` somebody."""
    caller: Caller = request.state.caller
    return caller


def _find_caller(request: Request) -> Caller:
    service = service_of(request)
    if not service.settings.keys_required:
        return Caller(key_name=LOCAL, role=Role.ADMIN)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    holder = service.keys.holder(token.strip()) if scheme.lower() == "bearer" else None
    if holder is None:
        raise Refusal("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="xuntu"'})
    return Caller(key_name=holder, role=Role.ADMIN)
