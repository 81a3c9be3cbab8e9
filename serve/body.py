"""A request body read in order, so much at a time: for protocols that say how long each part is."""

from collections.abc import Callable

from fastapi import Request

from serve.refusals import Refusal


class BodyReader:
    """Reads one body as it streams in; every byte is counted before it is kept."""

    def __init__(self, request: Request, count_bytes: Callable[[int], None]) -> None:
        self._pieces = request.stream()
        self._count_bytes = count_bytes
        self._unread = memoryview(b"")

    async def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer only where the body ends.

        Raises:
            Refusal: all requests together hold too much.
            ClientDisconnect: the client went away.
        """
        parts = []
        while count:
            if not self._unread:
                piece = await anext(self._pieces, None)
                if piece is None:
                    break
                self._count_bytes(len(piece))
                self._unread = memoryview(piece)
                continue
            part = self._unread[:count]
            self._unread = self._unread[len(part) :]
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    async def is_read(self) -> bool:
        """Whether nothing is left."""
        return not await self.read(1)


def refuse_encoding(request: Request) -> None:
    """Take bodies as they are only: what unpacks to more than it weighs would pass every limit.

    Raises:
        Refusal: content_encoding.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Refusal("content_encoding", found=repr(encoding))
