"""A day of the urban system against the real server: retries, duplicates, kills, after-photos, reviews, webhooks.

    python -m tests.serve.day --cases 500
    python -m tests.serve.day --cases 500 --database postgresql://USER@HOST/EMPTY

What the clients were told is kept beside the service and compared with it at the end, to the last case. All is drawn
and follows from the seed; which request is under way when the server is killed does not.
"""

import argparse
import io
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw
from sqlalchemy import update
from standardwebhooks import Webhook

from serve.api.case_answers import CaseRecord
from serve.client.client import Client, Refused
from serve.database import Database, default_url
from serve.tables import LooseFile
from tests.serve.service_process import ServiceProcess

SETTINGS = {
    "XUNTU_REQUIRE_KEYS": "true",
    "XUNTU_REQUESTS_PER_MINUTE": "0",
    "XUNTU_KEEP_PHOTOS": "always",
    "XUNTU_WEBHOOK_ALLOW_PRIVATE": "true",
    "XUNTU_WEBHOOK_TIMEOUT_SECONDS": "1",
    "XUNTU_WEBHOOK_DELAYS_SECONDS": "[0.1, 0.2, 1, 2, 5, 10]",
}
KILLS = 3
FAILURES_OF_RECEIVER = 2
_THREADS = 4
_SECONDS_TO_DELIVER = 120
_SECONDS_TO_SWEEP = 30


@dataclass
class Told:
    """What the service acknowledged, by the clients' own books."""

    cases: dict[str, str] = field(default_factory=dict)  # external id → case id
    duplicates: dict[str, str] = field(default_factory=dict)  # case id → the earlier case it repeats
    reviewed: dict[str, str] = field(default_factory=dict)  # case id → judgement
    verified: dict[str, str] = field(default_factory=dict)  # case id → outcome
    lock: threading.Lock = field(default_factory=threading.Lock)


class Receiver:
    """A webhook receiver that refuses each message twice before it takes it."""

    def __init__(self) -> None:
        self.secret = ""
        self.taken: dict[str, dict[str, Any]] = {}  # webhook-id → message
        self.tries: Counter[str] = Counter()
        self.forged = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # its sender was killed
                    return
                self.send_response(receiver.take(dict(self.headers), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        try:
            message = Webhook(self.secret).verify(body, {name.lower(): value for name, value in headers.items()})
        except Exception:  # noqa: BLE001 - whatever is wrong, it is no message of ours
            self.forged += 1
            return 401
        identity = headers["webhook-id"]
        self.tries[identity] += 1
        if self.tries[identity] <= FAILURES_OF_RECEIVER:
            return 500
        self.taken[identity] = message
        return 204

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def run_day(
    cases: int, folder: Path, *, database_url: str | None = None, seed: int = 17, kills: int = KILLS
) -> dict[str, int]:
    """Live through the day and compare the books; what was counted.

    Raises:
        AssertionError: the service lost, doubled or changed something.
    """
    server = ServiceProcess(folder, SETTINGS | ({"XUNTU_DATABASE_URL": database_url} if database_url else {}))
    receiver, told = Receiver(), Told()
    keys = {role: server.make_key(f"day-{role}", role) for role in ("admin", "system", "reviewer")}
    server.start()
    try:
        receiver.secret = _register(server.url, keys["admin"], receiver.url)
        stages = _report_all(server, keys["system"], told, cases, seed)
        with _killed_at_times(server, told, cases, kills):
            stages()
        _review_and_verify(server, keys, told, seed)
        counted = _compare(server, database_url, keys, told, cases, receiver)
    finally:
        receiver.close()
        code = server.stop()
    assert code == 0, f"the server ended with {code}"
    return counted


def _register(url: str, key: str, receiver_url: str) -> str:
    events = ["case.created", "case.reviewed", "case.verified"]
    answer = httpx.post(
        f"{url}/v1/webhooks", json={"url": receiver_url, "events": events}, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


def _report_all(server: ServiceProcess, key: str, told: Told, cases: int, seed: int) -> Callable[[], None]:
    def report(number: int) -> None:
        rng = random.Random(f"{seed}/{number}")
        repeats = number >= 10 and rng.random() < 0.05  # somebody reports again what is reported already
        drawn_like = rng.randrange(number - 5) if repeats and number > 10 else number
        photos = [_draw(f"{seed}/{drawn_like}/{place}") for place in range(1 + drawn_like % 2)]
        external_id = f"2026-{number:06}"
        fields = {
            "external_id": external_id,
            "location": {"longitude": 112.89 + drawn_like / 5000, "latitude": 23.15, "crs": "gcj02"},
            "grid": f"440607-{number % 7:02}",
            "reporter": f"patrol {number % 5}",
        }
        idempotency_key = f"day-{external_id}"
        with Client(server.url, key=key, attempts=12) as client:
            case = client.create_case(photos, idempotency_key=idempotency_key, **fields)
            if rng.random() < 0.1:  # the answer seemed lost: the same again
                assert client.create_case(photos, idempotency_key=idempotency_key, **fields).id == case.id
            if rng.random() < 0.05:  # a mistake of the caller: the same key for something else
                try:
                    client.create_case([_draw("other")], idempotency_key=idempotency_key, **fields)
                except Refused as error:
                    assert (error.status, error.code) == (422, "idempotency_key_reused"), error
                else:
                    raise AssertionError(f"{external_id}: a reused key was taken for another body")
        with told.lock:
            told.cases[external_id] = case.id
            if drawn_like != number:
                told.duplicates[case.id] = f"2026-{drawn_like:06}"

    def stages() -> None:
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(report, range(cases)))

    return stages


@contextmanager
def _killed_at_times(server: ServiceProcess, told: Told, cases: int, kills: int) -> Iterator[None]:
    """Kill the server whenever another part of the cases is acknowledged, and start it again."""
    done = threading.Event()

    def kill() -> None:
        for turn in range(1, kills + 1):
            while len(told.cases) < cases * turn // (kills + 1):
                if done.wait(0.01):
                    return
            server.kill()
            server.start()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        done.set()
        killer.join()


def _review_and_verify(server: ServiceProcess, keys: Mapping[str, str], told: Told, seed: int) -> None:
    rng = random.Random(seed)
    with Client(server.url, key=keys["reviewer"]) as reviewer, Client(server.url, key=keys["system"]) as system:
        for number, case in enumerate(list(system.cases(limit=200))):
            if number % 3 == 0:
                judgement = rng.choice(["problems", "none", "not_judgeable"])
                labels = {"problems": ["road_damage"]} if judgement == "problems" else {}
                reviewed = reviewer.review(case.id, judgement=judgement, **labels)
                told.reviewed[case.id] = judgement
                assert reviewed.status == ("established" if judgement == "problems" else "dismissed")
                case = reviewed
            if case.status == "established" and number % 2 == 0:
                after = [_draw(f"after/{number}")]
                checked = system.verify(case.id, after, idempotency_key=f"v-{case.id}")
                told.verified[case.id] = str(checked.verifications[-1].outcome)
            elif case.status != "established" and number % 2 == 0:
                try:
                    system.verify(case.id, [_draw("after")])
                except Refused as error:
                    assert (error.status, error.code) == (409, "illegal_move"), error
                else:
                    raise AssertionError(f"{case.id}: was checked although it is {case.status}")


def _compare(
    server: ServiceProcess,
    database_url: str | None,
    keys: Mapping[str, str],
    told: Told,
    cases: int,
    receiver: Receiver,
) -> dict[str, int]:
    with Client(server.url, key=keys["system"]) as client:
        stored = {case.id: case for case in client.cases(limit=200)}
        assert len(stored) == cases == len(told.cases), (len(stored), cases, len(told.cases))
        assert {case.external_id: case.id for case in stored.values()} == told.cases
        for case_id, external_id in told.duplicates.items():
            named = {duplicate.case_id for duplicate in stored[case_id].duplicates}
            assert told.cases[external_id] in named or case_id in {
                duplicate.case_id for duplicate in stored[told.cases[external_id]].duplicates
            }, f"{case_id} repeats {external_id}, which neither of them says"
        for case_id, judgement in told.reviewed.items():
            assert [review.judgement for review in stored[case_id].reviews] == [judgement]
        for case_id, outcome in told.verified.items():
            assert [check.outcome for check in stored[case_id].verifications] == [outcome]
        for case in stored.values():  # what was acknowledged as kept is there
            assert all(photo.kept for photo in case.photos)
        some = next(iter(stored.values()))
        assert client.photo(some.id, 1).startswith(b"\xff\xd8")
    events = {"case.created": cases, "case.reviewed": len(told.reviewed), "case.verified": len(told.verified)}
    until = time.monotonic() + _SECONDS_TO_DELIVER
    while len(receiver.taken) < sum(events.values()) and time.monotonic() < until:
        time.sleep(0.1)
    taken = Counter(message["type"] for message in receiver.taken.values())
    assert dict(taken) == {event: count for event, count in events.items() if count}, (taken, events)
    assert receiver.forged == 0
    _compare_audit(server.url, keys["admin"], events)
    _compare_files(server, database_url, stored.values())
    return {
        **events,
        "duplicates": len(told.duplicates),
        "webhook_tries": sum(receiver.tries.values()),
        **{f"outcome.{name}": count for name, count in Counter(told.verified.values()).items()},
        **{f"status.{name}": count for name, count in Counter(str(case.status) for case in stored.values()).items()},
    }


def _compare_audit(url: str, key: str, events: Mapping[str, int]) -> None:
    for action, count in events.items():
        entries, cursor = 0, None
        while True:
            parameters = {"action": action, "limit": "200", **({"cursor": cursor} if cursor else {})}
            answer = httpx.get(f"{url}/v1/audit", params=parameters, headers={"Authorization": f"Bearer {key}"}).json()
            entries += len(answer["entries"])
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        assert entries == count, f"{action}: the audit log has {entries}, the clients were told {count}"


def _compare_files(server: ServiceProcess, database_url: str | None, stored: Iterable[CaseRecord]) -> None:
    """After a sweep the store holds as many files as there are different kept photos, and not one more."""
    server.kill()
    database = Database(database_url or default_url(server.data_folder))
    with database.writing() as session:  # as if the time had passed that a file may stand without a case
        session.execute(update(LooseFile).values(noted_at=datetime.now(UTC) - timedelta(days=1)))
    database.close()
    photos = server.data_folder / "photos"
    for path in photos.rglob("*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 86_400))
    server.start()  # sweeps
    shown = {photo.sha256 for case in stored for photo in case.photos}
    until = time.monotonic() + _SECONDS_TO_SWEEP
    while True:
        files = [path for path in photos.rglob("*") if path.is_file()]
        if len(files) <= len(shown) or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert len(files) == len(shown), f"{len(files)} files for {len(shown)} kept photos"


def _draw(seed: str) -> bytes:
    """A street-like picture, another one for each seed."""
    rng = random.Random(seed)
    grey = rng.randrange(70, 150)
    picture = Image.new("RGB", (480, 360), (grey, grey + 3, grey + 6))
    pencil = ImageDraw.Draw(picture)
    pencil.rectangle((0, 0, 480, rng.randrange(60, 180)), fill=(rng.randrange(120, 220), 190, 210))
    for _ in range(rng.randrange(3, 9)):
        left, top = rng.randrange(420), rng.randrange(120, 330)
        colour = tuple(rng.randrange(20, 240) for _ in range(3))
        pencil.ellipse((left, top, left + rng.randrange(15, 160), top + rng.randrange(10, 90)), fill=colour)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def main() -> int:
    """Exit code 0 when the books agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.day", description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--database", help="URL of an empty database; default SQLite")
    parser.add_argument("--seed", type=int, default=17)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        counted = run_day(given.cases, Path(folder), database_url=given.database, seed=given.seed)
    print(json.dumps({**counted, "seconds": round(time.monotonic() - began)}, indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
