"""The gate of one service: whose key or browser session comes with a request, and whether he may send one more.

Whatever is wrong, the answer is the same 401 after the same time: a missing key is looked for and hashed like a wrong
one. Addresses that send wrong keys are told to wait before anything is hashed; keys that were right once pass all the
same, so that a neighbour behind the same address does not lock them out.
"""

import hmac
from ipaddress import IPv6Address, ip_address

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from serve.access.allowances import Allowances
from serve.access.keys import Key, key_by_id
from serve.access.known import KnownKeys
from serve.access.sessions import COOKIE, CSRF_HEADER, Sessions, StaffSession, is_ended, stored_secret
from serve.database import Database
from serve.refusals import Refusal
from serve.settings import Settings

FAILURES_PER_MINUTE = 60
"""Wrong keys and cookies from one address."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Gate:
    """Made once at start, used from the event loop."""

    def __init__(self, settings: Settings, database: Database) -> None:
        secret = settings.session_secret
        self.known_keys = KnownKeys(database)
        self.sessions = Sessions(
            secret.get_secret_value() if secret else stored_secret(settings.data_folder), settings.session_hours
        )
        self._database = database
        self._requests_per_minute = settings.requests_per_minute
        self._requests = Allowances()
        self._failures = Allowances()

    async def let_in(self, request: Request) -> tuple[Key, StaffSession | None]:
        """The key of a request, and the browser session that stands for it if one does.

        A bearer key wins over a cookie.

        Raises:
            Refusal: unauthorized, too_many_requests, csrf_token.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(COOKIE) if scheme.lower() != "bearer" else None
        session = None
        if cookie is None:
            key = await self.recognise(request, token.strip() if scheme.lower() == "bearer" else "")
        else:
            key, session = await self._by_cookie(request, cookie)
        self._charge(key)
        if session and request.method not in _SAFE_METHODS:
            sent = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(sent.encode(), session.csrf_token.encode()):
                raise Refusal("csrf_token", header=CSRF_HEADER)
        return key, session

    async def recognise(self, request: Request, token: str) -> Key:
        """The key that `token` is.

        Raises:
            Refusal: unauthorized, too_many_requests.
        """
        if not self.known_keys.has_seen(token):
            self._check_failures(request)
        key = await self.known_keys.by_token(token)
        if key is None:
            raise self._failure(request)
        return key

    def close(self) -> None:
        """Finish what is being written."""
        self.known_keys.close()

    async def _by_cookie(self, request: Request, cookie: str) -> tuple[Key, StaffSession]:
        session = self.sessions.read(cookie)
        key = await run_in_threadpool(self._key_of, session) if session else None
        if key is None or session is None:
            self._check_failures(request)
            raise self._failure(request)
        self.known_keys.note_use(key)
        return key, session

    def _key_of(self, staff_session: StaffSession) -> Key | None:
        with self._database.reading() as session:
            return None if is_ended(session, staff_session) else key_by_id(session, staff_session.key_id)

    def _charge(self, key: Key) -> None:
        own = key.requests_per_minute
        per_minute = self._requests_per_minute if own is None else own
        if per_minute == 0:
            return
        wait = self._requests.seconds_to_wait(key.id, per_minute)
        if wait:
            raise Refusal.to_come_back("too_many_requests", wait)
        self._requests.charge(key.id, per_minute)

    def _check_failures(self, request: Request) -> None:
        wait = self._failures.seconds_to_wait(_address(request), FAILURES_PER_MINUTE)
        if wait:
            raise Refusal.to_come_back("too_many_requests", wait)

    def _failure(self, request: Request) -> Refusal:
        self._failures.charge(_address(request), FAILURES_PER_MINUTE)
        return Refusal("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="xuntu"'})


def _address(request: Request) -> str:
    """Where a request comes from: an IPv4 address, or the 64 bits of an IPv6 address that one customer has."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(int(address) >> 64) if isinstance(address, IPv6Address) else host
