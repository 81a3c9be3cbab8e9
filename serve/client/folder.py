"""Uploads a folder of photos as cases, and goes on where it was stopped.

A folder that holds photos is one case; a photo at the top is a case of its own. The journal beside them has a line for
each case that was answered, and by which service. A case whose answer was lost is sent again with the same
Idempotency-Key, which follows from its name and its photos, so the service does not count it twice.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.card import file_sha256
from serve.client.client import Client, Refused

JOURNAL_FILE = ".xuntu-upload.jsonl"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")


class JournalDamaged(Exception):
    """The journal cannot be read. The message says where and what to do."""


@dataclass(frozen=True, kw_only=True)
class FolderCase:
    """Photos that belong together."""

    name: str
    """Below the folder, with forward slashes."""
    photos: tuple[Path, ...]

    def idempotency_key(self) -> str:
        """The same for the same name and the same photos."""
        digest = hashlib.sha256(self.name.encode())
        for photo in self.photos:
            digest.update(file_sha256(photo).encode())
        return f"folder-{digest.hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """What became of one case: the service's answer or its refusal."""

    name: str
    case_id: str | None = None
    verdict: str | None = None
    refused: str | None = None


def find_cases(folder: Path) -> list[FolderCase]:
    """Each case below a folder, in the order of names."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    grouped: dict[Path, list[Path]] = {}
    for photo in photos:
        grouped.setdefault(photo if photo.parent == folder else photo.parent, []).append(photo)
    return [
        FolderCase(name=place.relative_to(folder).as_posix(), photos=tuple(members))
        for place, members in grouped.items()
    ]


def upload_folder(client: Client, folder: Path, fields: Mapping[str, Any]) -> Iterator[Uploaded]:
    """Send each case that the journal does not have for this service yet; say what became of it.

    Args:
        fields: of every case, see ReportFields; external_id is the case's name unless it is given.

    Raises:
        JournalDamaged: before anything is sent.
        Unreachable: the service does not answer; run it again later.
    """
    journal = folder / JOURNAL_FILE
    sent = _read_journal(journal, client.address)
    for case in find_cases(folder):
        key = case.idempotency_key()
        if key in sent:
            continue
        try:
            answer = client.create_case(case.photos, idempotency_key=key, **{"external_id": case.name, **fields})
        except Refused as error:  # this case is at fault; the others may be fine
            yield Uploaded(name=case.name, refused=str(error))
            continue
        _append(journal, {"service": client.address, "idempotency_key": key, "name": case.name, "case_id": answer.id})
        yield Uploaded(name=case.name, case_id=answer.id, verdict=answer.verdict)


def _read_journal(path: Path, address: str) -> set[str]:
    """Keys of the cases that the service at this address has."""
    if not path.exists():
        return set()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:  # a crash cut the last line off; its case is sent again
        os.truncate(path, len(whole))
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        return {line["idempotency_key"] for line in lines if line["service"] == address}
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(f"{path}: is damaged ({error}); delete it to send every case again, once") from error


def _append(path: Path, line: Mapping[str, Any]) -> None:
    with path.open("ab") as file:
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
