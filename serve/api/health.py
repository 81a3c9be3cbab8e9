"""GET /health/live and /health/ready: for load balancers and process supervisors. They need no key."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import service_of

router = APIRouter(prefix="/health", tags=["运行状态 Health"])

_RETRY_SECONDS = 1  # a warm-up takes less


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The model has answered a photo."""

    status: Literal["ready"] = "ready"


@router.get("/live", summary="进程存活 · The process answers")
async def live() -> Live:
    """Restart the process when this fails."""
    return Live()


@router.get("/ready", summary="可以识别 · Photos are answered", responses=refusals("not_ready"))
async def ready(request: Request) -> Ready:
    """Send requests here once this succeeds."""
    if not service_of(request).engine.warm:
        raise Refusal.to_come_back("not_ready", _RETRY_SECONDS)
    return Ready()
