"""The page at /: files of serve/web/, checked by the browser against their ETag at each visit."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

_WEB_FOLDER = Path(__file__).parents[1] / "web"


class _PageFiles(StaticFiles):
    """Static files that a new release replaces at once: kept by browsers, never used unasked."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_page(app: FastAPI) -> None:
    """Serve the page at / and its files below /web."""
    files = _PageFiles(directory=_WEB_FOLDER)
    app.mount("/web", files, name="web")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def show_page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)
