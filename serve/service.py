"""The parts one running service is made of, and how a route gets hold of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from model.codes import CodeTable
from model.problems import Problem
from serve.engine import Engine
from serve.keys import Keys
from serve.refusals import Refusal
from serve.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Service:
    """Made once at start, shared by all requests."""

    settings: Settings
    engine: Engine
    problems: Mapping[str, Problem]
    code_tables: Mapping[str, CodeTable]
    keys: Keys


async def _service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service_of)]

_bearer = HTTPBearer(auto_error=False, description="xt_…; not demanded where the service listens on this machine only")


async def require_key(
    request: Request,
    service: Serving,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Let a request pass that carries a key, or any where none is demanded.

    Raises:
        Refusal: unauthorized.
    """
    if not service.settings.keys_required:
        return
    holder = service.keys.holder(credentials.credentials) if credentials else None
    if holder is None:
        raise Refusal("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="xuntu"'})
    request.state.key_holder = holder
