"""A client of the service: what the urban system or a script would otherwise write itself.

    with Client("http://127.0.0.1:8000", key="xt_…") as xuntu:
        case = xuntu.create_case([Path("place.jpg"), Path("close.jpg")], external_id="2026-000123", grid="440607-12")

Each request that changes something carries an Idempotency-Key, so it is sent again without harm when the network fails
or the service asks to wait: the service does it once.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from serve.api.case_answers import CaseList, CaseRecord, ReportFields, ReviewFields
from serve.api.classify import CaseAnswer
from serve.upload import PHOTO_FIELD

Photo = Path | bytes
"""A photo file, by its path or as it is."""

ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.5  # doubled each time, unless the service says how long
_MOST_WAIT_SECONDS = 60.0
_COME_BACK = (429, 503)

_Answer = TypeVar("_Answer", bound=BaseModel)


class ClientError(Exception):
    """The service could not be asked, or refused."""


class Unreachable(ClientError):
    """No answer after all attempts."""


class Refused(ClientError):
    """The service refused; `code` is stable and meant for programs, see docs/api.md."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", f"http_{status}"))
        self.photo: int | None = body.get("photo")
        super().__init__(f"{status} {self.code}: {body.get('detail') or body.get('title') or 'no reason given'}")


class Client:
    """One connection pool to one service. Threads may share it.

    Args:
        sleep: waits that many seconds before another attempt; tests give their own.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        attempts: int = ATTEMPTS,
        timeout_seconds: float = 60,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.address = address.rstrip("/")
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_seconds)
        self._attempts = attempts
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def classify(self, photos: Sequence[Photo]) -> CaseAnswer:
        """What photos of one case show; nothing is kept.

        Raises:
            Refused, Unreachable: as every method here.
        """
        return self._ask(CaseAnswer, "POST", "/v1/classify", files=_form(photos))

    def create_case(self, photos: Sequence[Photo], *, idempotency_key: str | None = None, **fields: Any) -> CaseRecord:
        """Report a case of 1 to 9 photos.

        Args:
            idempotency_key: the same for every attempt at this report, also after a restart; by default a new one.
            fields: external_id, location, captured_at, reporter, grid; see ReportFields.
        """
        report = ReportFields(**fields).model_dump_json(exclude_none=True)
        files = [*_form(photos), ("case", (None, report.encode(), "application/json"))]
        return self._change(CaseRecord, "/v1/cases", idempotency_key, files=files)

    def case(self, case_id: str) -> CaseRecord:
        """One case as it is now."""
        return self._ask(CaseRecord, "GET", f"/v1/cases/{case_id}")

    def cases(self, **filters: Any) -> Iterator[CaseRecord]:
        """All cases that match, newest first, a page at a time.

        Args:
            filters: status, problem, verdict, grid, external_id, since, until; limit is the length of a page.
        """
        parameters = {name: str(value) for name, value in filters.items() if value is not None}
        while True:
            page = self._ask(CaseList, "GET", "/v1/cases", params=parameters)
            yield from page.cases
            if page.next_cursor is None:
                return
            parameters["cursor"] = page.next_cursor

    def verify(self, case_id: str, photos: Sequence[Photo], *, idempotency_key: str | None = None) -> CaseRecord:
        """Check by photos taken after the work whether the problem is gone."""
        return self._change(CaseRecord, f"/v1/cases/{case_id}/verify", idempotency_key, files=_form(photos))

    def review(self, case_id: str, *, idempotency_key: str | None = None, **fields: Any) -> CaseRecord:
        """Say what a person saw: judgement, problems, note; see ReviewFields."""
        judged = ReviewFields(**fields).model_dump(mode="json", exclude_none=True)
        return self._change(CaseRecord, f"/v1/cases/{case_id}/review", idempotency_key, json=judged)

    def photo(self, case_id: str, number: int) -> bytes:
        """The kept copy of a photo, a JPEG."""
        return self._send("GET", f"/v1/cases/{case_id}/photos/{number}").content

    def _change(self, answer: type[_Answer], path: str, idempotency_key: str | None, **content: Any) -> _Answer:
        return self._ask(
            answer, "POST", path, headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())}, **content
        )

    def _ask(self, answer: type[_Answer], method: str, path: str, **content: Any) -> _Answer:
        return answer.model_validate_json(self._send(method, path, **content).content)

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        wait = _FIRST_WAIT_SECONDS
        for attempt in range(1, self._attempts + 1):
            try:
                response = self._http.request(method, path, **content)
            except httpx.TransportError as error:
                if attempt == self._attempts:
                    raise Unreachable(f"{self._http.base_url}{path}: {error or type(error).__name__}") from error
                asked = wait
            else:
                if response.is_success:
                    return response
                if response.status_code not in _COME_BACK or attempt == self._attempts:
                    raise Refused(response.status_code, _body(response))
                asked = _retry_after(response, wait)
            self._sleep(min(asked, _MOST_WAIT_SECONDS))
            wait *= 2
        raise AssertionError("the loop ends by return or raise")


def _form(photos: Sequence[Photo]) -> list[tuple[str, tuple[str | None, bytes, str]]]:
    # The name of a file says what a person called it; the service needs none.
    return [
        (
            PHOTO_FIELD,
            (f"{number}", photo if isinstance(photo, bytes) else photo.read_bytes(), "application/octet-stream"),
        )
        for number, photo in enumerate(photos, start=1)
    ]


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else otherwise
