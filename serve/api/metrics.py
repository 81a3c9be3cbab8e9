"""GET /metrics: figures for Prometheus, see docs/operations.md."""

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from serve.access.caller import takes
from serve.access.roles import Role
from serve.openapi import refusals
from serve.service import service_of

router = APIRouter(tags=["运行状态 Health"])


@router.get(
    "/metrics",
    dependencies=[Depends(takes(Role.ENGINEER))],
    summary="运行指标 · Figures for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **refusals("internal_error"),
    },
)
async def show_metrics(request: Request) -> Response:
    """Of all workers together."""
    service = service_of(request)
    classifier = service.engine.classifier
    service.metrics.show_model(classifier.card, classifier.precision)
    service.metrics.show_queue(*service.engine.load())
    found = await service.readiness.look()
    service.metrics.show_readiness(found.checks, found.free_bytes)
    body, media_type = await run_in_threadpool(service.metrics.render, request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media_type})
