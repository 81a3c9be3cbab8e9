"""The application: what is loaded once, which routes there are, and where every error becomes an answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from model.classifier import Classifier, current_release
from model.codes import load_code_tables
from model.problems import Language, Problem, load_problems
from serve.access.gate import Gate
from serve.access.query_token import QueryToken
from serve.api import audit, case_moves, cases, classify, easydl, health, keys, open_inference, page, session, webhooks
from serve.api import metrics as metrics_resource
from serve.api import model as model_resource
from serve.api import problems as problems_resource
from serve.api.case_answers import ReportFields
from serve.api.easydl import EasydlRequest
from serve.api.tensors import InferRequest
from serve.database import Database, default_url
from serve.district import DistrictCodeTable, apply_replacements
from serve.engine import Engine
from serve.forms import answer_refusal
from serve.headers import SecurityHeaders
from serve.observe.metrics import Metrics
from serve.observe.readiness import Readiness
from serve.observe.requests import RequestWatch
from serve.observe.tracing import Tracing
from serve.openapi import DESCRIPTION, TAGS, describe
from serve.photos.keeping import PhotoKeeper
from serve.photos.store import default_photo_url, open_photo_store
from serve.refusals import Refusal
from serve.service import Service
from serve.settings import Settings
from serve.storage import STORAGE_ERRORS, is_of_storage
from serve.tasks import start_tasks
from serve.webhooks.delivery import open_deliverer

log = logging.getLogger(__name__)

_CLIENT_GONE = 499  # nobody reads it; the access log shows it
_STORAGE_RETRY_SECONDS = 10
_SHOW_QUEUE_SECONDS = 1


def load_classifier(settings: Settings) -> Classifier:
    """The model that the settings name.

    Raises:
        ReleaseError: what is wrong with the folder and what to do.
    """
    return Classifier.load(settings.model_folder or current_release(), precision=settings.precision)


def create_app(settings: Settings, classifier: Classifier | None = None, tracing: Tracing | None = None) -> FastAPI:
    """One service.

    Args:
        classifier: already loaded; by default the application loads it when it starts.
        tracing: makes spans of requests; whoever gives it closes it.

    Raises:
        ValueError: the default standard is not known, or the district's codes cannot be.
    """
    problems = load_problems()
    code_tables = _district_codes(settings, problems)
    metrics = Metrics(problems)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = Engine(
            classifier or load_classifier(settings),
            threads=settings.threads,
            queue_photos=settings.queue_photos,
            queue_bytes=settings.queue_bytes,
            answer_cache_photos=settings.answer_cache_photos,
        )
        database = Database(settings.database_url or default_url(settings.data_folder))
        await run_in_threadpool(database.migrate)
        photo_store = await run_in_threadpool(
            open_photo_store, settings.photo_store_url or default_photo_url(settings.data_folder)
        )
        gate = Gate(settings, database)
        app.state.service = Service(
            settings=settings,
            engine=engine,
            problems=problems,
            code_tables=code_tables,
            gate=gate,
            database=database,
            photo_store=photo_store,
            metrics=metrics,
            readiness=Readiness(
                warm=lambda: engine.warm,
                database_answers=database.answers,
                photo_store_answers=photo_store.answers,
                data_folder=settings.data_folder,
                least_free_bytes=settings.least_free_bytes,
            ),
            photo_keeper=PhotoKeeper(
                database,
                photo_store,
                policy=settings.keep_photos,
                originals=settings.keep_originals,
                longest_side=settings.kept_photo_side,
                loose_file_seconds=settings.loose_file_seconds,
            ),
        )
        tasks = start_tasks(app.state.service)
        if metrics.shared:  # another worker may be asked for the figures of this one

            async def show_queue() -> None:
                metrics.show_queue(*engine.load())

            tasks.run_every(_SHOW_QUEUE_SECONDS, show_queue)
        deliverer = open_deliverer(settings, database, metrics.count_delivery)
        deliverer.start()
        warming_up = asyncio.create_task(_warm_up(engine))
        yield
        warming_up.cancel()
        await tasks.end()
        await deliverer.end()
        engine.close()
        gate.close()
        database.close()

    app = FastAPIOffline(
        title="巡图 Xuntu",
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        redoc_url=None,
        swagger_ui_parameters={"validatorUrl": None, "defaultModelsExpandDepth": 0},
        favicon_url="/web/icon.svg",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would record query strings
    )
    app.add_middleware(
        RequestWatch,
        metrics=metrics,
        answer_failure=partial(_answer_failure, default_language=settings.language),
        tracing=tracing,
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(QueryToken)  # the outermost: nothing else sees a key in an address
    for resource in (classify, cases, case_moves, audit, model_resource, problems_resource, keys, session, webhooks):
        app.include_router(resource.router, prefix="/v1")
    for protocol in (easydl, open_inference):
        app.include_router(protocol.router)
    app.include_router(health.router)
    app.include_router(metrics_resource.router)
    page.add_page(app)
    _answer_errors(app, settings.language)
    describe(app, [ReportFields, InferRequest, EasydlRequest])
    return app


def _district_codes(settings: Settings, problems: Mapping[str, Problem]) -> Mapping[str, DistrictCodeTable]:
    national = load_code_tables(problems)
    if settings.standard not in national:
        raise ValueError(f"XUNTU_STANDARD is {settings.standard!r}, known are {', '.join(national)}")
    try:
        return apply_replacements(national, problems, settings.codes, settings.region)
    except ValueError as error:
        raise ValueError(f"XUNTU_CODES: {error}") from error


async def _warm_up(engine: Engine) -> None:
    try:
        await engine.warm_up()
    except Exception:
        log.exception("the model could not answer a first photo; /health/ready stays 503")


def _answer_errors(app: FastAPI, default_language: Language) -> None:
    """The one place where errors become status codes."""
    language_of = partial(_language_of, default_language=default_language)

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return answer_refusal(request.url.path, refusal, language_of(request))

    @app.exception_handler(RequestValidationError)
    async def invalid_parameter(request: Request, error: RequestValidationError) -> Response:
        refusal = _refusal_of_parameter(error.errors()[0])
        return answer_refusal(request.url.path, refusal, language_of(request))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return answer_refusal(request.url.path, _refusal_of_route(request, error), language_of(request))

    @app.exception_handler(ClientDisconnect)
    async def client_gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=_CLIENT_GONE)

    async def storage_error(request: Request, error: Exception) -> Response:
        if not is_of_storage(error):
            raise error
        log.exception("what is kept cannot be reached")
        refusal = Refusal.to_come_back("storage_unavailable", _STORAGE_RETRY_SECONDS)
        return answer_refusal(request.url.path, refusal, language_of(request))

    for kind in STORAGE_ERRORS:
        app.add_exception_handler(kind, storage_error)


def _answer_failure(request: Request, error: Exception, default_language: Language) -> Response:
    """To what nothing above answers: a mistake of ours, which is in the log."""
    return answer_refusal(request.url.path, Refusal("internal_error"), _language_of(request, default_language))


def _language_of(request: Request, default_language: Language) -> Language:
    asked = request.query_params.get("lang")
    return "en" if asked == "en" else "zh" if asked == "zh" else default_language


def _refusal_of_parameter(error: dict[str, Any]) -> Refusal:
    if error["type"] == "json_invalid":
        return Refusal("bad_request", reason="the body is not JSON")
    expected = error.get("ctx", {}).get("expected", error["msg"])
    return Refusal("invalid_parameter", parameter=error["loc"][-1], found=repr(error["input"]), expected=expected)


def _refusal_of_route(request: Request, error: HTTPException) -> Refusal:
    path = request.url.path
    match error.status_code:
        case 404:
            return Refusal("not_found", path=path)
        case 405:
            allowed = ", ".join(_methods_at(request)) or (error.headers or {}).get("Allow", "GET, HEAD")
            return Refusal(
                "method_not_allowed", path=path, method=request.method, allowed=allowed, headers={"Allow": allowed}
            )
        case 413:
            return Refusal("body_too_large")
        case _:
            return Refusal("bad_request", reason=error.detail)


def _methods_at(request: Request) -> list[str]:
    """All methods that the routes of this path take: of several routes the router names those of the first."""
    matching = [
        route
        for route in iter_route_contexts(request.app.routes)
        if (path := getattr(route, "path_regex", None)) is not None and path.match(request.url.path)
    ]
    return sorted({method for route in matching for method in route.methods or ()})
