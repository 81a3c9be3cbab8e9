"""/v1/cases/{id}/verify and /review: after-photos say whether the problem is gone, a person says what is true."""

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from model.decision import Verdict, decide_verification
from serve.access.caller import caller_of, takes
from serve.access.roles import Role
from serve.access.route import GuardedRoute
from serve.api.case_answers import CaseRecord, ReviewFields
from serve.api.case_view import summary, view_of
from serve.api.cases import IDEMPOTENCY_PARAMETER, IDEMPOTENCY_REFUSALS, Lang, Standard
from serve.cases.idempotency import carry_out, find_earlier, read_repeatable
from serve.cases.records import add_review, add_verification, describe_photo, find_case, photo_features
from serve.cases.workflow import Status, check_may_verify
from serve.intake import INTAKE_REFUSALS, photo_form, raw_photo, received, while_wanted
from serve.openapi import refusals
from serve.photos.keeping import claim
from serve.refusals import Refusal
from serve.webhooks.outbox import announce

router = APIRouter(prefix="/cases/{case_id}", tags=["案件 Cases"], route_class=GuardedRoute)


@router.post(
    "/verify",
    dependencies=[Depends(takes(Role.SYSTEM, Role.PATROL))],
    summary="核查 · Check whether the problem is gone",
    openapi_extra={
        "parameters": [IDEMPOTENCY_PARAMETER],
        "requestBody": {
            "required": True,
            "description": "处理后的照片 · Photos taken after the work",
            "content": {"multipart/form-data": {"schema": photo_form()}, **raw_photo()},
        },
    },
    response_model=CaseRecord,
    responses=refusals(
        *INTAKE_REFUSALS,
        *IDEMPOTENCY_REFUSALS,
        "case_not_found",
        "illegal_move",
        "unknown_standard",
        "invalid_parameter",
    ),
)
async def verify(request: Request, case_id: str, standard: Standard = None, lang: Lang = None) -> Response:
    """`resolved` closes the case; `still_present` and `cannot_tell` leave it established, with the reason.

    Only an established case can be checked.
    """
    view = view_of(request, standard, lang)
    service, caller = view.service, caller_of(request)
    await run_in_threadpool(_find_to_verify, request, case_id)
    async with received(request) as upload:
        photos = [photo.data for photo in upload.photos]
        repeatable = await run_in_threadpool(read_repeatable, request, b"", photos)
        if (answer := await run_in_threadpool(find_earlier, service.database, repeatable)) is not None:
            return answer
        examined = await while_wanted(request, service.engine.examine(photos, described=True), service)
        kept = await run_in_threadpool(service.photo_keeper.keep, photos, Verdict.REVIEW)

    def store(session: Session) -> str:
        case = find_case(session, case_id, caller, to_change=True)
        check_may_verify(Status(case.status))
        card = service.engine.classifier.card
        decision = decide_verification(
            [problem.key for problem in case.problems],
            [photo_features(photo) for photo in case.photos if photo.verification_id is None and not photo.quality],
            [photo.classified for photo in examined],
            card,
            before_fingerprint=case.model_fingerprint,
        )
        rows = [describe_photo(photo, where) for photo, where in zip(examined, kept, strict=True)]
        add_verification(session, caller, card, case, decision, rows)
        claim(session, kept)
        answer = view.show(case)
        announce(session, "case.verified", summary(answer) | {"outcome": decision.outcome, "reason": decision.reason})
        return answer.model_dump_json()

    return await run_in_threadpool(carry_out, service.database, repeatable, 200, store)


@router.post(
    "/review",
    dependencies=[Depends(takes(Role.REVIEWER))],
    summary="人工复核 · Say what is true",
    openapi_extra={"parameters": [IDEMPOTENCY_PARAMETER]},
    response_model=CaseRecord,
    responses=refusals(
        *IDEMPOTENCY_REFUSALS, "case_not_found", "unknown_problem", "unknown_standard", "invalid_parameter"
    ),
)
def review(
    request: Request, case_id: str, fields: ReviewFields, standard: Standard = None, lang: Lang = None
) -> Response:
    """A person has the last word: `problems` establishes (and re-opens), `none` and `not_judgeable` dismiss."""
    view = view_of(request, standard, lang)
    service, caller = view.service, caller_of(request)
    for key in fields.problems:
        if key not in service.problems:
            raise Refusal("unknown_problem", found=repr(key), known=", ".join(service.problems))
    repeatable = read_repeatable(request, fields.model_dump_json().encode(), [])

    def store(session: Session) -> str:
        case = find_case(session, case_id, caller, to_change=True)
        add_review(session, caller, case, fields.judgement, fields.problems, fields.note)
        answer = view.show(case)
        announce(session, "case.reviewed", summary(answer) | {"judgement": fields.judgement})
        machine = {key for photo in case.photos if photo.verification_id is None for key in photo.problems}
        service.metrics.count_review(machine, fields.judgement, fields.problems)
        return answer.model_dump_json()

    return carry_out(service.database, repeatable, 200, store)


def _find_to_verify(request: Request, case_id: str) -> None:
    """Refuse what needs no photo to be refused, before any is received."""
    with view_of(request, None, None).service.database.reading() as session:
        find_case(session, case_id, caller_of(request))
