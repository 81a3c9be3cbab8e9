"""What /openapi.json says beyond the routes: what the service is, and how it refuses."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serve.access.roles import Role
from serve.access.sessions import COOKIE, CSRF_HEADER
from serve.forms import FORMS, Form, form_of
from serve.refusals import MEDIA_TYPE, TEXTS, Refused

DESCRIPTION = """\
识别照片中的五类市容环境问题，供数字城管使用。
Recognises five common street problems in photos, for digital urban management.

出错时返回 RFC 9457 `application/problem+json`，其中 `code` 固定不变，供程序判断。
Errors are RFC 9457 `application/problem+json`; their `code` never changes and is meant for programs.
"""
TAGS = [
    {"name": "识别 Classify"},
    {"name": "案件 Cases"},
    {"name": "审计 Audit"},
    {"name": "事件通知 Webhooks"},
    {"name": "模型 Model"},
    {"name": "访问 Access"},
    {"name": "开放推理协议 Open Inference Protocol"},
    {"name": "EasyDL"},
    {"name": "运行状态 Health"},
]

_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "xt_…；仅在本机监听时不需要 · not demanded where the service listens on this machine only",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"POST /v1/session；修改请求须带 {CSRF_HEADER} · what changes something needs {CSRF_HEADER} too",
    },
}
_GATE_REFUSALS = ("unauthorized", "forbidden", "too_many_requests", "storage_unavailable")
_BODY_REFUSALS = ("bad_request", "body_too_large")  # of a body that FastAPI reads
_READING = ("get", "head")

_SCHEMA_PLACE = "#/components/schemas/{model}"

_FIRST_ERROR = 400

Responses = dict[int | str, dict[str, Any]]


def refusals(*codes: str) -> Responses:
    """The `responses` of a route that refuses with these codes."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[TEXTS[code].status].append(code)
    return {status: _response(codes_of_status) for status, codes_of_status in sorted(by_status.items())}


def describe(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> None:
    """Add to the document that FastAPI makes: the body of refusals, and whom each route takes and refuses.

    Args:
        bodies: what routes read as JSON by themselves, from parts of forms or in other ways; they name these schemas
            by hand.
    """
    of_routes = app.openapi

    def openapi() -> dict[str, Any]:
        document = of_routes()
        components = document["components"]
        if "Refused" not in components["schemas"]:
            models: list[type[BaseModel]] = [Refused, *(form.body for form in FORMS), *bodies]
            _, parts = models_json_schema([(model, "validation") for model in models], ref_template=_SCHEMA_PLACE)
            components["schemas"] |= parts["$defs"]
            components["securitySchemes"] = _SCHEMES
            for route in iter_route_contexts(app.routes):
                path = getattr(route, "path_format", "")
                operations = document["paths"].get(path, {})
                for method in {method.lower() for method in route.methods or ()} & set(operations):
                    _describe_access(operations[method], method, roles_of(route))
                    if getattr(route, "body_field", None):
                        _add_refusals(operations[method], _BODY_REFUSALS)
                    _put_in_form(operations[method]["responses"], form_of(path))
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def roles_of(route: RouteContext) -> frozenset[Role] | None:
    """Whom a route takes; None where it asks nobody."""
    for dependency in getattr(route, "dependencies", None) or ():
        roles: frozenset[Role] | None = getattr(dependency.dependency, "roles", None)
        if roles is not None:
            return roles
    return None


def _describe_access(operation: dict[str, Any], method: str, roles: frozenset[Role] | None) -> None:
    if roles is None:
        operation["security"] = []
        return
    named = [role for role in Role if role in roles]
    operation["security"] = [{"key": []}, {"session": []}, {}]
    operation["x-roles"] = [str(role) for role in named]
    words = "角色 Roles: " + ", ".join(f"`{role}`" for role in named)
    operation["description"] = "\n\n".join(filter(None, (operation.get("description"), words)))
    codes = _GATE_REFUSALS if method in _READING else (*_GATE_REFUSALS, "csrf_token")
    _add_refusals(operation, codes)


def _add_refusals(operation: dict[str, Any], codes: Sequence[str]) -> None:
    responses = operation["responses"]
    for status, added in refusals(*codes).items():
        own = responses.get(str(status))
        if own is None:
            responses[str(status)] = added
        else:
            own["description"] = "; ".join(dict.fromkeys(_parts(own) + _parts(added)))
            own.setdefault("headers", {}).update(added.get("headers", {}))
    operation["responses"] = dict(sorted(responses.items()))


def _parts(response: Mapping[str, Any]) -> list[str]:
    return str(response["description"]).split("; ")


def _put_in_form(responses: dict[str, Any], form: Form | None) -> None:
    """Describe the refusals of one operation as its address sends them."""
    if form is None:
        return
    for status in [status for status in responses if int(status) >= _FIRST_ERROR]:
        response = responses.pop(status)
        response["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{form.body.__name__}"}}}
        sent = str(form.status(int(status)))
        if sent in responses:
            responses[sent]["description"] += f"; {response['description']}"
        else:
            responses[sent] = response


def _response(codes: list[str]) -> dict[str, Any]:
    described = "; ".join(f"`{code}` {TEXTS[code].title_zh} {TEXTS[code].title_en}" for code in codes)
    response: dict[str, Any] = {
        "description": described,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Refused"}}},
    }
    if any(TEXTS[code].status in (429, 503) for code in codes):
        response["headers"] = {
            "Retry-After": {"description": "秒 seconds", "schema": {"type": "integer", "minimum": 1}}
        }
    return response
