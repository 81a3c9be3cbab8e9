"""How an upload comes off the network: in large pieces, copied less.

A phone on a mobile network sends a photo in thousands of small pieces. uvicorn reads each as it comes and wakes the
application for it, which together costs more than to decode the photo. Here the kernel is asked to report a body only
once there is a large piece of it, or all that is left; what comes in small pieces all the same is gathered.
"""

import socket
import sys

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PIECE_BYTES = 262_144  # what the event loop reads at most; limits and the queue count bodies this coarsely


class UploadProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, but for the bodies of requests."""

    _bytes_to_come = 0  # of the body, where Content-Length told; at most 0 otherwise
    _reported_from = 1  # bytes; what the kernel was asked last

    def on_headers_complete(self) -> None:
        """A request begins; uvicorn starts the application."""
        super().on_headers_complete()
        self._bytes_to_come = int(next((value for name, value in self.headers if name == b"content-length"), 0))
        self._ask_for_large_pieces()

    def on_body(self, body: bytes) -> None:
        """A piece of the body arrived."""
        self._bytes_to_come -= len(body)
        self._ask_for_large_pieces()
        cycle = self.cycle
        if cycle.response_complete:
            return
        if len(body) >= _PIECE_BYTES and not cycle.body:
            cycle.body = body  # type: ignore[assignment]  # a bytearray would be copied again; these are passed on
        else:
            cycle.body += body
        if len(cycle.body) >= _PIECE_BYTES:
            self.flow.pause_reading()
            cycle.message_event.set()

    def _ask_for_large_pieces(self) -> None:
        """Never for more than is to come: the end of a connection is reported always, the end of a request is not."""
        bytes_wanted = max(1, min(_PIECE_BYTES, self._bytes_to_come))
        if bytes_wanted != self._reported_from and sys.platform == "linux":
            connection: socket.socket = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, bytes_wanted)
            self._reported_from = bytes_wanted
