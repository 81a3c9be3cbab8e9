"""What /openapi.json says beyond the routes: what the service is, and how it refuses."""

from collections import defaultdict
from typing import Any

from fastapi import FastAPI

from serve.refusals import MEDIA_TYPE, TEXTS, Refused

DESCRIPTION = """\
识别照片中的五类市容环境问题，供数字城管使用。
Recognises five common street problems in photos, for digital urban management.

出错时返回 RFC 9457 `application/problem+json`，其中 `code` 固定不变，供程序判断。
Errors are RFC 9457 `application/problem+json`; their `code` never changes and is meant for programs.
"""
TAGS = [
    {"name": "识别 Classify"},
    {"name": "模型 Model"},
    {"name": "运行状态 Health"},
]

_KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "xt_…；仅在本机监听时不需要 · not demanded where the service listens on this machine only",
}

Responses = dict[int | str, dict[str, Any]]


def refusals(*codes: str) -> Responses:
    """The `responses` of a route that refuses with these codes."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[TEXTS[code].status].append(code)
    return {status: _response(codes_of_status) for status, codes_of_status in sorted(by_status.items())}


def describe(app: FastAPI) -> None:
    """Add the body of refusals and the keys to the document that FastAPI makes."""
    of_routes = app.openapi

    def openapi() -> dict[str, Any]:
        document = of_routes()
        components = document["components"]
        if "Refused" not in components["schemas"]:
            components["schemas"]["Refused"] = Refused.model_json_schema()
            components["securitySchemes"] = {"key": _KEY_SCHEME}
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    operation["security"] = [{"key": []}, {}] if path.startswith("/v1/") else []
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def _response(codes: list[str]) -> dict[str, Any]:
    described = "; ".join(f"`{code}` {TEXTS[code].title_zh} {TEXTS[code].title_en}" for code in codes)
    response: dict[str, Any] = {
        "description": described,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Refused"}}},
    }
    if any(TEXTS[code].status == 503 for code in codes):
        response["headers"] = {
            "Retry-After": {"description": "秒 seconds", "schema": {"type": "integer", "minimum": 1}}
        }
    return response
