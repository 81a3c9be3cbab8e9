"""/v1/cases: report a case, ask for one or many, see its kept photos."""

import logging
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from model.case import decide_case
from model.decision import Verdict
from model.problems import Language
from serve.access.caller import caller_of, takes
from serve.access.roles import Role
from serve.api.case_answers import CaseList, CaseRecord, ReportFields
from serve.api.case_view import summary, view_of
from serve.cases.idempotency import HEADER, carry_out, find_earlier, read_repeatable
from serve.cases.paging import MOST_ROWS, after_cursor, cut_page
from serve.cases.records import WHOLE, add_case, describe_photo, find_case
from serve.cases.workflow import Status
from serve.intake import INTAKE_REFUSALS, photo_form, raw_photo, received, while_wanted
from serve.openapi import refusals
from serve.photos.keeping import claim
from serve.photos.store import KeptPhotoDamaged, KeptPhotoMissing
from serve.refusals import Refusal
from serve.service import service_of
from serve.tables import Case, CaseProblem
from serve.webhooks.outbox import announce

log = logging.getLogger(__name__)

router = APIRouter(prefix="/cases", tags=["案件 Cases"])

FIELDS_PART = "case"
Standard = Annotated[str | None, Query(description="编码标准，见 /v1/problems · Code table", max_length=100)]
Lang = Annotated[Language | None, Query(description="名称和错误信息的语言 · Language of names and errors")]

IDEMPOTENCY_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "重试时使用同一个键，只执行一次 · Repeat a request with the same key, and it is carried out once",
}
IDEMPOTENCY_REFUSALS = ("idempotency_key_invalid", "idempotency_key_reused")


@router.post(
    "",
    status_code=201,
    dependencies=[Depends(takes(Role.SYSTEM, Role.PATROL))],
    summary="上报案件 · Report a case",
    openapi_extra={
        "parameters": [IDEMPOTENCY_PARAMETER],
        "requestBody": {
            "required": True,
            "description": "一至九张照片，另可附 JSON 字段 case · One to nine photos, and a part `case` of JSON",
            "content": {
                "multipart/form-data": {
                    "schema": photo_form(**{FIELDS_PART: {"$ref": "#/components/schemas/ReportFields"}}),
                    "encoding": {FIELDS_PART: {"contentType": "application/json"}},
                },
                **raw_photo(),
            },
        },
    },
    response_model=CaseRecord,
    responses=refusals(
        *INTAKE_REFUSALS, *IDEMPOTENCY_REFUSALS, "case_fields_invalid", "unknown_standard", "invalid_parameter"
    ),
)
async def report(request: Request, standard: Standard = None, lang: Lang = None) -> Response:
    """The case is stored before it is acknowledged. Earlier cases that seem to report the same are pointed out."""
    view = view_of(request, standard, lang)
    service = view.service
    async with received(request, FIELDS_PART) as upload:
        fields = _read_fields(upload.text)
        photos = [photo.data for photo in upload.photos]
        repeatable = await run_in_threadpool(read_repeatable, request, fields.model_dump_json().encode(), photos)
        if (answer := await run_in_threadpool(find_earlier, service.database, repeatable)) is not None:
            return answer
        examined = await while_wanted(request, service.engine.examine(photos, described=True), service)
        seen = [photo.classified for photo in examined]
        decision = decide_case(
            [photo.decision for photo in seen], service.engine.classifier.card, [photo.features for photo in seen]
        )
        kept = await run_in_threadpool(service.photo_keeper.keep, photos, decision.verdict)

    def store(session: Session) -> str:
        rows = [describe_photo(photo, where) for photo, where in zip(examined, kept, strict=True)]
        case = add_case(
            session,
            caller_of(request),
            service.engine.classifier.card,
            _columns(fields),
            decision,
            rows,
            duplicate_days=service.settings.duplicate_days,
            duplicate_meters=service.settings.duplicate_meters,
        )
        claim(session, kept)
        for duplicate in case.duplicates:
            service.metrics.count_duplicate(duplicate.reason)
        answer = view.show(case)
        announce(session, "case.created", summary(answer))
        return answer.model_dump_json()

    return await run_in_threadpool(carry_out, service.database, repeatable, 201, store)


@router.get(
    "",
    dependencies=[Depends(takes(Role.SYSTEM, Role.PATROL, Role.REVIEWER, Role.ENGINEER))],
    summary="案件列表 · List cases",
    responses=refusals("cursor_invalid", "unknown_standard", "invalid_parameter"),
)
def list_cases(
    request: Request,
    status: Status | None = None,
    verdict: Verdict | None = None,
    problem: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
    grid: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    external_id: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    since: Annotated[AwareDatetime | None, Query(description="created_at, inclusive")] = None,
    until: Annotated[AwareDatetime | None, Query(description="created_at, exclusive")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    standard: Standard = None,
    lang: Lang = None,
) -> CaseList:
    """Newest first. Patrol staff see their own cases."""
    view = view_of(request, standard, lang)
    caller = caller_of(request)
    wanted = select(Case).options(*WHOLE).order_by(Case.created_at.desc(), Case.id.desc()).limit(limit + 1)
    for column, value in (
        (Case.status, status),
        (Case.verdict, verdict),
        (Case.grid, grid),
        (Case.external_id, external_id),
        (Case.key_name, caller.key_name if caller.role is Role.PATROL else None),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if problem is not None:
        wanted = wanted.where(Case.problems.any(CaseProblem.key == problem))
    if since is not None:
        wanted = wanted.where(Case.created_at >= since)
    if until is not None:
        wanted = wanted.where(Case.created_at < until)
    wanted = wanted.where(*after_cursor(cursor, Case.created_at, Case.id, str))
    with view.service.database.reading() as session:
        page, next_cursor = cut_page(session.scalars(wanted).all(), limit, lambda case: (case.created_at, case.id))
        return CaseList(cases=[view.show(case) for case in page], next_cursor=next_cursor)


@router.get(
    "/{case_id}",
    dependencies=[Depends(takes(Role.SYSTEM, Role.PATROL, Role.REVIEWER, Role.ENGINEER))],
    summary="查询案件 · One case",
    responses=refusals("case_not_found", "unknown_standard", "invalid_parameter"),
)
def show_case(request: Request, case_id: str, standard: Standard = None, lang: Lang = None) -> CaseRecord:
    """As it is now. A case that is not the caller's to see is answered like one that does not exist."""
    view = view_of(request, standard, lang)
    with view.service.database.reading() as session:
        return view.show(find_case(session, case_id, caller_of(request)))


@router.get(
    "/{case_id}/photos/{number}",
    dependencies=[Depends(takes(Role.SYSTEM, Role.PATROL, Role.REVIEWER, Role.ENGINEER))],
    summary="案件照片 · A photo of a case",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **refusals("case_not_found", "photo_not_kept", "invalid_parameter"),
    },
)
def show_photo(request: Request, case_id: str, number: int) -> Response:
    """The kept copy: upright, without metadata."""
    service = service_of(request)
    with service.database.reading() as session:
        case = find_case(session, case_id, caller_of(request))
        if not 1 <= number <= len(case.photos):
            raise Refusal("photo_not_kept", number=number)
        address = case.photos[number - 1].kept_sha256
    if address is None:
        raise Refusal("photo_not_kept", number=number)
    try:
        copy = service.photo_store.get(address)
    except (KeptPhotoMissing, KeptPhotoDamaged) as error:
        log.error("a kept photo of case %s is lost: %s", case_id, error)
        raise Refusal("photo_not_kept", number=number) from error
    return Response(copy, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


def _read_fields(text: bytes) -> ReportFields:
    if not text:
        return ReportFields()
    try:
        return ReportFields.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "JSON"
        raise Refusal("case_fields_invalid", field=field, reason=first["msg"]) from error


def _columns(fields: ReportFields) -> dict[str, Any]:
    columns = fields.model_dump(exclude={"location", "captured_at"})
    columns["captured_at"] = fields.captured_at.astimezone(UTC) if fields.captured_at else None
    return columns | (fields.location.model_dump(mode="json") if fields.location else {})
