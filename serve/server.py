"""The HTTP server: uvicorn as this service needs it."""

from types import FrameType

import uvicorn
from fastapi import FastAPI

from serve.protocol import UploadProtocol


def make_server(app: FastAPI, *, grace_seconds: int) -> uvicorn.Server:
    """A server for `app`, to be run on a socket that is bound already.

    Args:
        grace_seconds: what was taken is finished within this time after SIGTERM or SIGINT, or cut off.
    """
    config = uvicorn.Config(
        app,
        http=UploadProtocol,  # reads on after an early answer, so that a client in mid-upload sees why it is refused
        ws="none",
        log_config=None,
        access_log=False,  # serve/observe/requests.py writes one that tells no query strings
        server_header=False,
        timeout_graceful_shutdown=grace_seconds,
    )
    return _Server(config, app)


class _Server(uvicorn.Server):
    """Says that it is not ready from the moment it is told to end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        service = getattr(self._app.state, "service", None)  # none yet while it starts
        if service is not None:
            service.readiness.begin_shutdown()
        super().handle_exit(sig, frame)
