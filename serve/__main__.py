"""Start the service, manage its keys, or look after what it has stored.

    python -m serve [--host ADDRESS] [--port PORT] [--workers N]
    python -m serve keys add NAME --role ROLE [--requests-per-minute N] | list | revoke NAME
    python -m serve purge [--dry-run]
    python -m serve backup FILE.tar
    python -m serve restore FILE.tar

Settings come from the environment, XUNTU_<NAME>; see docs/settings.md. Whatever keeps the service from starting is said
in one sentence.
"""

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.errors import ModelError
from serve.access.roles import Role
from serve.backup import BackupError
from serve.database import Database, DatabaseUnusable, default_url
from serve.observe.logs import start_logs
from serve.observe.sharing import shared_metrics
from serve.photos.store import PhotoStoreError, default_photo_url, open_photo_store
from serve.settings import Settings
from serve.workers import run_workers

log = logging.getLogger("serve")

_FAILED = 1
_GRACE_SECONDS = 5  # beyond the deadline, for answers on their way


class _Ended(BaseException):
    """SIGTERM came while nothing was under way: the end was asked for, so it is no failure."""


class CannotStart(Exception):
    """Why the service does not start, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of the command."""
    given = _parse(arguments)
    try:
        settings = _read_settings(
            {name: getattr(given, name) for name in ("host", "port", "workers") if getattr(given, name)}
        )
        if given.command == "keys":
            _check_data_folder(settings.data_folder)
            _manage_keys(settings, given)
            return 0
        if given.command is not None:
            print(_maintain(settings, given))
            return 0
        return _serve(settings)
    except (BackupError, CannotStart, DatabaseUnusable, ModelError, PhotoStoreError) as error:
        print(f"python -m serve: {error}", file=sys.stderr)
        return _FAILED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serve", description="Serve photo recognition over HTTP.")
    parser.add_argument("--host", help="address to listen on (XUNTU_HOST, 127.0.0.1)")
    parser.add_argument("--port", help="TCP port (XUNTU_PORT, 8000)")
    parser.add_argument("--workers", help="processes, for machines of many cores (XUNTU_WORKERS, 1)")
    commands = parser.add_subparsers(dest="command", metavar="keys | purge | backup | restore")
    keys = commands.add_parser("keys", help="make, list and revoke keys").add_subparsers(dest="action", required=True)
    add = keys.add_parser("add", help="make a key and show it once")
    add.add_argument("name", help="whose or what it is; unique for ever")
    add.add_argument("--role", required=True, choices=[str(role) for role in Role], help="what it is for")
    add.add_argument("--requests-per-minute", type=int, help="0: without limit (XUNTU_REQUESTS_PER_MINUTE)")
    keys.add_parser("list", help="names and dates of all keys")
    keys.add_parser("revoke", help="make a key useless at once").add_argument("name")
    purge = commands.add_parser("purge", help="remove what is older than its retention")
    purge.add_argument("--dry-run", action="store_true", help="only say how much that is")
    backup = commands.add_parser("backup", help="write all rows and photos into one file, while the service runs")
    backup.add_argument("file", type=Path, metavar="FILE.tar")
    restore = commands.add_parser("restore", help="fill an empty database and its photo store from a backup")
    restore.add_argument("file", type=Path, metavar="FILE.tar")
    return parser.parse_args(arguments)


def _read_settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = "".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        where = f"XUNTU_{field.upper()} is {first['input']!r}: " if field else ""
        raise CannotStart(f"{where}{message}; settings are listed in docs/settings.md") from error


def _manage_keys(settings: Settings, given: argparse.Namespace) -> None:
    from serve.access.command import manage_keys
    from serve.access.keys import KeysError

    with _opened_database(settings) as database:
        try:
            for line in manage_keys(database, given):
                print(line)
        except KeysError as error:
            raise CannotStart(str(error)) from error


def _maintain(settings: Settings, given: argparse.Namespace) -> str:
    from serve import maintenance  # loads more than the start should wait for

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    _check_data_folder(settings.data_folder)
    if given.command == "purge":
        return maintenance.purge_now(settings, dry_run=given.dry_run)
    if given.command == "backup":
        return maintenance.back_up_to(settings, given.file)
    return maintenance.restore_from(settings, given.file)


def _serve(settings: Settings) -> int:
    _check_data_folder(settings.data_folder)
    _check_old_keys(settings.data_folder)
    start_logs(settings.log_format)
    with _opened_database(settings) as database:  # brought to this version once, before there are several workers
        _check_keys(settings, database)
    with _listen(settings.host, settings.port) as listening:
        serve = partial(_run, settings, listening)
        if settings.workers == 1:
            return serve()
        with shared_metrics() as forget:
            # Closed here too when they end, or clients would connect to a socket that nobody reads any more.
            return run_workers(settings.workers, serve, on_end=listening.close, on_worker_end=forget)


def _run(settings: Settings, listening: socket.socket) -> int:
    # Loaded only now: what is said above should not wait for the model's libraries.
    from serve.app import create_app, load_classifier
    from serve.observe.tracing import start_tracing
    from serve.server import make_server

    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every broken body; we refuse those
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every webhook, with its whole URL
    open_photo_store(settings.photo_store_url or default_photo_url(settings.data_folder))  # says it in one sentence
    classifier = load_classifier(settings)
    try:
        tracing = start_tracing()
        app = create_app(settings, classifier, tracing)
    except ValueError as error:
        raise CannotStart(f"{error}; settings are listed in docs/settings.md") from error
    server = make_server(app, grace_seconds=int(settings.deadline_seconds + _GRACE_SECONDS))
    host, port = listening.getsockname()[:2]
    where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    access = "a key is demanded" if settings.keys_required else "open to this machine, no key demanded"
    model = f"{classifier.card.name} {classifier.card.version} in {classifier.precision}"
    log.info("%s, model %s, %s", where, model, access)
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(KeyboardInterrupt, _Ended):  # once it has ended in order, uvicorn signals again
        server.run(sockets=[listening])
    if tracing is not None:
        tracing.close()
    return 0


def _end(*_: object) -> None:
    raise _Ended


@contextlib.contextmanager
def _opened_database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url or default_url(settings.data_folder))
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def _check_keys(settings: Settings, database: Database) -> None:
    from serve.access.keys import list_keys

    if not settings.keys_required:
        return
    with database.reading() as session:
        if all(key.revoked_at for key in list_keys(session)):
            raise CannotStart(
                f"on {settings.host} others can reach the service, so it needs a key; "
                "make one: python -m serve keys add NAME --role admin"
            )


def _check_old_keys(data_folder: Path) -> None:
    """Keys of before there was a database: without a word they would just have stopped opening anything."""
    file = data_folder / "keys.json"
    if file.exists():
        cure = "make them again (python -m serve keys add NAME --role ROLE) and delete the file"
        raise CannotStart(f"{file}: keys are kept in the database now and these open nothing; {cure}")


def _check_data_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CannotStart(f"{folder}: is not a folder; choose another by XUNTU_DATA_FOLDER")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"{folder}: cannot be made ({error.strerror}); choose another by XUNTU_DATA_FOLDER"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotStart(
            f"{folder}: is not writable; give this user the right, or choose another by XUNTU_DATA_FOLDER"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        cure = "end what listens there or choose another: --host ADDRESS, --port PORT"
        raise CannotStart(f"cannot listen on {host} port {port} ({error.strerror}); {cure}") from error
    return listening


if __name__ == "__main__":
    sys.exit(main())
