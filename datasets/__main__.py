"""Command line of the photos and their labels: `python -m datasets --help`, from the repository's root."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from datasets.catalogue import write_catalogue
from datasets.checks import Finding, check_manifest
from datasets.drawn import draw_set
from datasets.errors import DatasetError
from datasets.importers.folders import import_folders
from datasets.manifest import read_manifest, write_manifest
from datasets.stats import plot, tables
from model.errors import ModelError

INTERRUPTED = 130  # as shells say of Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status says whether all is well."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (DatasetError, ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # as in `… | head`: whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"{error.filename or 'the disk'}: {error.strerror}; check the path and the space left", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped before the end", file=sys.stderr)
        return INTERRUPTED


def _check(options: argparse.Namespace) -> int:
    manifest = read_manifest(options.manifest)
    findings = check_manifest(manifest)
    if options.json:
        print(json.dumps([_as_json(finding) for finding in findings], ensure_ascii=False, indent=2))
        return int(bool(findings))
    for kind, group in groupby(findings, key=lambda finding: finding.kind):
        of_kind = list(group)
        print(f"\n{kind} ({len(of_kind)})")
        for finding in of_kind:
            print(f"- {_files(finding)}: {finding.what}; {finding.action}")
    print(f"\n{len(manifest.photos)} photos looked at, {len(findings) or 'nothing'} found")
    return int(bool(findings))


def _stats(options: argparse.Namespace) -> int:
    manifest = read_manifest(options.manifest)
    print(tables(manifest))
    if options.out:
        print(f"\nplot: {plot(manifest, options.out)}")
    return 0


def _import_folders(options: argparse.Namespace) -> int:
    path = options.out or options.folder / "manifest.csv"
    manifest = import_folders(options.folder, path, skip_unreadable=options.skip_unreadable)
    print(f"{write_manifest(manifest, path)}: {len(manifest.photos)} photos; next: python -m datasets check {path}")
    return 0


def _draw(options: argparse.Namespace) -> int:
    path = draw_set(options.folder, options.photos, options.seed)
    print(f"{path}: {len(read_manifest(path).photos)} drawn pictures, for tests and a first try only")
    return 0


def _catalogue(options: argparse.Namespace) -> int:
    manifest = read_manifest(options.manifest)
    print(f"{write_catalogue(manifest, options.out)}: {len(manifest.photos)} photos")
    return 0


def _files(finding: Finding) -> str:
    """`train a.webp b.webp, test c.webp`."""
    in_order = sorted(finding.photos, key=lambda photo: photo.split)
    by_split = groupby(in_order, key=lambda photo: photo.split)
    return ", ".join(" ".join([split, *(photo.file for photo in photos)]) for split, photos in by_split)


def _as_json(finding: Finding) -> dict[str, object]:
    photos = [{"file": photo.file, "split": photo.split} for photo in finding.photos]
    return {"kind": finding.kind.name.lower(), "photos": photos, "what": finding.what, "action": finding.action}


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m datasets", description="Photos and labels: make, check, describe.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="open every photo; list what would spoil a training or flatter its score")
    check.add_argument("manifest", type=Path)
    check.add_argument("--json", action="store_true", help="the list as JSON, for programs")
    check.set_defaults(run=_check)

    stats = commands.add_parser("stats", help="count photos by problem, kind, source, origin and split")
    stats.add_argument("manifest", type=Path)
    stats.add_argument("--out", type=Path, metavar="FOLDER", help="also draw the counts into this folder")
    stats.set_defaults(run=_stats)

    folders = commands.add_parser("import-folders", help="photos in one folder a problem → a manifest")
    folders.add_argument("folder", type=Path)
    folders.add_argument("--out", type=Path, metavar="MANIFEST", help="default: manifest.csv in the folder")
    folders.add_argument("--skip-unreadable", action="store_true", help="leave out files that are not usable photos")
    folders.set_defaults(run=_import_folders)

    draw = commands.add_parser("draw", help="draw a small set of simple pictures for tests and a first try")
    draw.add_argument("folder", type=Path)
    draw.add_argument("--photos", type=_positive, default=40, help="of each kind (default: %(default)s)")
    draw.add_argument("--seed", type=int, default=17, help="the same seed draws the same set (default: %(default)s)")
    draw.set_defaults(run=_draw)

    catalogue = commands.add_parser("catalogue", help="write where every photo can be had, without holding one")
    catalogue.add_argument("manifest", type=Path)
    catalogue.add_argument("--out", type=Path, required=True, metavar="CSV")
    catalogue.set_defaults(run=_catalogue)
    return parser


if __name__ == "__main__":
    sys.exit(main())
