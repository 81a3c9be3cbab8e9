"""GET /health/live and /health/ready: for load balancers and process supervisors. They need no key."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from serve.observe.readiness import Check
from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import service_of

router = APIRouter(prefix="/health", tags=["运行状态 Health"])

_RETRY_SECONDS = 1  # a warm-up takes less


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Requests can be answered."""

    status: Literal["ready"] = "ready"
    checks: dict[Check, bool] = Field(description="What was looked at, a second ago at most")


@router.get("/live", summary="进程存活 · The process answers")
async def live() -> Live:
    """Restart the process when this fails."""
    return Live()


@router.get(
    "/ready",
    summary="可以识别 · Photos are answered",
    responses=refusals("not_ready", "shutting_down", "storage_unavailable", "disk_full"),
)
async def ready(request: Request) -> Ready:
    """Send requests here once this succeeds; when it fails, `checks` says which conditions hold."""
    service = service_of(request)
    found = await service.readiness.look()
    service.metrics.show_readiness(found.checks, found.free_bytes)
    if code := found.code():
        raise Refusal.to_come_back(code, _RETRY_SECONDS, checks=found.checks)
    return Ready(checks=dict(found.checks))
