"""Headers that tell browsers what our pages may do: load and send to this service only, be framed by nobody."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def _policy(extra_source: str = "") -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{extra_source}",
            f"style-src 'self'{extra_source}",
            "img-src 'self' blob: data:",  # blob: is how a chosen photo is shown before it is sent
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


_POLICY = _policy()
_DOCS_POLICY = _policy(" 'unsafe-inline'")  # FastAPI starts Swagger UI by an inline script
_DOCS_PATH = "/docs"


class SecurityHeaders:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _DOCS_POLICY if scope["path"] == _DOCS_PATH else _POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, send_with_headers)
