"""`python -m serve.client upload FOLDER | list | show ID`: the client from the command line.

The address is --url or XUNTU_URL; the key comes from the environment variable XUNTU_KEY alone, since others on the
machine can read the words of a command.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serve.client.client import Client, ClientError
from serve.client.folder import JOURNAL_FILE, JournalDamaged, find_cases, upload_folder

_DEFAULT_URL = "http://127.0.0.1:8000"
_FIELDS = ("reporter", "grid")
_FILTERS = ("status", "problem", "verdict", "grid", "external_id", "since", "until")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when everything was taken, 1 when something was not, 130 when interrupted."""
    given = _parse(arguments)
    with Client(given.url, key=os.environ.get("XUNTU_KEY")) as client:
        try:
            status: int = given.run_command(client, given)
        except (ClientError, JournalDamaged, OSError) as error:
            print(f"python -m serve.client: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("stopped; run it again to go on", file=sys.stderr)
            return 130
    return status


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serve.client", description="Ask a running service.")
    parser.add_argument("--url", default=os.environ.get("XUNTU_URL", _DEFAULT_URL), help="default %(default)s")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    upload = commands.add_parser("upload", help="send a folder: each folder that holds photos is one case; resumes")
    upload.add_argument("folder", type=Path, metavar="FOLDER")
    for name in _FIELDS:
        upload.add_argument(f"--{name}", help="of every case")
    upload.set_defaults(run_command=_upload)
    listed = commands.add_parser("list", help="cases, newest first, one JSON object a line")
    for name in _FILTERS:
        listed.add_argument(f"--{name.replace('_', '-')}")
    listed.set_defaults(run_command=_list)
    show = commands.add_parser("show", help="one case as JSON")
    show.add_argument("case_id", metavar="ID")
    show.set_defaults(run_command=_show)
    return parser.parse_args(arguments)


def _list(client: Client, given: argparse.Namespace) -> int:
    for case in client.cases(**_given(given, _FILTERS)):
        print(case.model_dump_json(), flush=True)
    return 0


def _show(client: Client, given: argparse.Namespace) -> int:
    print(client.case(given.case_id).model_dump_json(indent=2))
    return 0


def _upload(client: Client, given: argparse.Namespace) -> int:
    if not given.folder.is_dir():
        print(f"python -m serve.client: {given.folder}: is not a folder", file=sys.stderr)
        return 1
    refused = asked = 0
    for uploaded in upload_folder(client, given.folder, _given(given, _FIELDS)):
        asked += 1
        refused += uploaded.refused is not None
        print(f"{uploaded.name}: {uploaded.refused or f'{uploaded.verdict} {uploaded.case_id}'}", flush=True)
    if before := len(find_cases(given.folder)) - asked:
        print(
            f"{before} cases were sent to {client.address} before, says {given.folder / JOURNAL_FILE}", file=sys.stderr
        )
    return int(refused > 0)


def _given(given: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(given, name) for name in names if getattr(given, name) is not None}


if __name__ == "__main__":
    sys.exit(main())
