"""One attempt to deliver one message: signed, to a checked address, with a limit on time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from serve.webhooks.targets import Resolve, Target, TargetRefused, checked_addresses, read_target, resolve

if TYPE_CHECKING:
    import httpx

USER_AGENT = "xuntu-webhooks"

_GONE = 410
_CONNECT_SECONDS = 5.0  # at most, so that the next address of a host has its turn


class NotDelivered(Exception):
    """The receiver did not take the message. The message says why; it is tried again."""


class EndpointGone(Exception):
    """The receiver answers 410: it wants no more messages."""


class Sender:
    """Sends messages; of one event loop.

    Args:
        most_at_once: attempts at the same moment.
    """

    def __init__(
        self, *, timeout_seconds: float, allow_private: bool, most_at_once: int, resolve: Resolve = resolve
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self._allow_private = allow_private
        self._resolve = resolve
        self._resolving = ThreadPoolExecutor(most_at_once, "webhooks-resolve")  # a slow name must not hold up others
        self._client: httpx.AsyncClient | None = None

    async def send(self, url: str, secret: str, message_id: str, body: str, at: datetime) -> None:
        """Return once the receiver has answered 2xx.

        Raises:
            NotDelivered: why.
            EndpointGone: it is to be sent nothing any more.
        """
        import httpx

        try:
            async with asyncio.timeout(self.timeout_seconds):
                status = await self._post(url, _signed(secret, message_id, body, at), body.encode())
        except TimeoutError as error:
            raise NotDelivered(f"no answer within {self.timeout_seconds:g} seconds") from error
        except TargetRefused as error:
            raise NotDelivered(str(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        if status == _GONE:
            raise EndpointGone
        if not 200 <= status < 300:
            words = "; redirects are not followed" if 300 <= status < 400 else ""
            raise NotDelivered(f"HTTP {status}{words}")

    async def end(self) -> None:
        """Close what is open."""
        self._resolving.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        import httpx

        client = self._open_client()
        target = read_target(url, allow_private=self._allow_private)
        check = partial(checked_addresses, target, allow_private=self._allow_private, resolve=self._resolve)
        addresses = await asyncio.get_running_loop().run_in_executor(self._resolving, check)
        unreachable: httpx.TransportError | None = None
        for address in addresses:
            request = client.build_request(
                "POST",
                _url_of(target, address),
                content=body,
                headers={**headers, "Host": target.host_header},
                extensions={"sni_hostname": target.host},  # the certificate must be the host's, not the address's
            )
            try:
                answer = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                unreachable = error
                continue
            await answer.aclose()  # its body is nobody's business
            return answer.status_code
        raise unreachable or OSError("no address")

    def _open_client(self) -> "httpx.AsyncClient":
        import httpx  # a sixth of a second that only those pay who have webhooks

        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=httpx.create_ssl_context(),  # of SSL_CERT_FILE where that is set
                trust_env=False,  # a proxy would resolve the name again
                follow_redirects=False,
                timeout=httpx.Timeout(self.timeout_seconds, connect=min(self.timeout_seconds, _CONNECT_SECONDS)),
                # No connection is used twice: they are told apart by address, and two hosts may share one.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client


def _signed(secret: str, message_id: str, body: str, at: datetime) -> dict[str, str]:
    from standardwebhooks import Webhook

    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }


def _url_of(target: Target, address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{target.scheme}://{host}:{target.port}{target.path}"
