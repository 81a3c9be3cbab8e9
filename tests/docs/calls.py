"""The calls of docs/api.md: blocks of `sh`, each followed by the `json` that the real service answers.

    python -m tests.docs.calls      run every call and write its real answer into docs/api.md

What differs from run to run (ids, moments, keys, signatures) counts as the same, and so do scores, which differ a
little between processors; all else must be what the document shows.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from datasets.drawn import draw_set
from tests.serve.service_process import ServiceProcess

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
SCORES_MAY_DIFFER = 0.03

_CALL = re.compile(r"```sh\n(?P<command>.*?)```\n(?:\n```json\n(?P<answer>.*?)```\n)?", flags=re.DOTALL)
_VOLATILE = (
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)"),
    re.compile(r"[0-9a-f]{64}"),
    re.compile(r"xt_[\w-]+"),
    re.compile(r"whsec_[\w+/=-]+"),
    re.compile(r"msg_\w+"),
)
SETTINGS = {"XUNTU_REQUIRE_KEYS": "true", "XUNTU_KEEP_PHOTOS": "always", "XUNTU_WEBHOOK_ALLOW_PRIVATE": "true"}

_PHOTOS = {
    "place.jpg": "graffiti/0005.jpg",
    "close.jpg": "graffiti/0008.jpg",
    "after.jpg": "no_issue/0010.jpg",
}
"""Names in the document → drawn photos."""
_TIMES_DARKER = 12
"""What dark.jpg is than after.jpg."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command of the document and the answer it shows."""

    command: str
    answer: Any


def read_calls(text: str) -> list[Call]:
    """Every call, in order; answer None where none is shown."""
    return [
        Call(command=found["command"], answer=json.loads(found["answer"]) if found["answer"] else None)
        for found in _CALL.finditer(text)
    ]


def run_calls(calls: list[Call]) -> Iterator[Any]:
    """What a new service answers to each call, in order; None where no answer is shown."""
    with _service() as variables:
        for call in calls:
            given = _run(call.command, variables)
            answer = json.loads(given) if call.answer is not None else None
            variables |= _learn(call.command, answer)
            yield answer


def differences(shown: Any, given: Any, place: str = "$") -> list[str]:
    """Where the answer is not what the document shows."""
    if place.endswith(".log_id"):
        return []
    if isinstance(shown, Mapping) and isinstance(given, Mapping):
        if set(shown) != set(given):
            return [f"{place}: the document has {sorted(shown)}, the service {sorted(given)}"]
        return [found for key in shown for found in differences(shown[key], given[key], f"{place}.{key}")]
    if isinstance(shown, list) and isinstance(given, list):
        if len(shown) != len(given):
            return [f"{place}: the document has {len(shown)} entries, the service {len(given)}"]
        pairs = enumerate(zip(shown, given, strict=True))
        return [found for number, (one, other) in pairs for found in differences(one, other, f"{place}[{number}]")]
    if isinstance(shown, float) and isinstance(given, float):
        return [] if math.isclose(shown, given, abs_tol=SCORES_MAY_DIFFER) else [f"{place}: {shown} is {given}"]
    return [] if _settled(shown) == _settled(given) else [f"{place}: {shown!r} is {given!r}"]


def _settled(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for pattern in _VOLATILE:
        value = pattern.sub("…", value)
    return value


@contextmanager
def _service() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_set(folder / "drawn", photos_per_kind=40, seed=17)
        for photo, drawn in _PHOTOS.items():
            (folder / photo).write_bytes((folder / "drawn" / drawn).read_bytes())
        with Image.open(folder / "after.jpg") as day:
            day.point(lambda level: level // _TIMES_DARKER).save(folder / "dark.jpg")
        service = ServiceProcess(folder, SETTINGS)
        roles = ("system", "reviewer", "admin")
        keys = {f"{role.upper()}_KEY": service.make_key(f"{role}-key", role) for role in roles}
        service.start()
        try:
            yield {"XUNTU": service.url, "FOLDER": name, **keys}
        finally:
            service.stop()


def _run(command: str, variables: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euc", command.replace("curl ", "curl -sS ")],
        cwd=variables["FOLDER"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{command}\n{done.stderr}")
    return done.stdout


def _learn(command: str, answer: Any) -> dict[str, str]:
    """Variables that later calls use: the id of what was made."""
    if not isinstance(answer, dict):
        return {}
    made = re.search(r"\$XUNTU/v1/(cases|webhooks)\"", command)
    return {{"cases": "CASE", "webhooks": "WEBHOOK"}[made[1]]: answer["id"]} if made and "id" in answer else {}


def main() -> int:
    """Write the real answers into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    answers = iter(run_calls(read_calls(text)))

    def replaced(found: re.Match[str]) -> str:
        answer = next(answers)
        if found["answer"] is None:
            return found[0]
        shown = json.dumps(answer, ensure_ascii=False, indent=2)
        return f"```sh\n{found['command']}```\n\n```json\n{shown}\n```\n"

    DOCUMENT.write_text(_CALL.sub(replaced, text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
