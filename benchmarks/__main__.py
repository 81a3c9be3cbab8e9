"""Measure the service beside what the machine could do at best and beside other servers.

    python -m benchmarks [--quick] [--no-peers] [--model FOLDER] [--results FILE.json]
    python -m benchmarks --minutes 10          a long run: is memory flat, does nothing fail?
    python -m benchmarks --no-peers --beside CHECKOUT --with XUNTU_THREADS=1 --turns 8    before and after

Servers take turns of a few seconds, each after a measurement of the ceiling, so that figures are ratios which hold on a
machine of any speed. Turns in which others used the machine are taken again; a cell is marked where they did not stop.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.cells import Cell, Durations, measure
from benchmarks.chart import draw
from benchmarks.photos import SIZES, make_photos
from benchmarks.results import RESULTS_FOLDER, Target, table, targets, write
from benchmarks.servers import CannotMeasure, Contender, ours, peers
from benchmarks.soak import soak
from model.classifier import current_release


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of the command: 1 where it could not measure, or a long run failed."""
    given = _parse(arguments)
    try:
        model_folder = (given.model or current_release()).resolve()
        if given.minutes:
            return 0 if soak(ours(), model_folder, given.minutes) else 1
        with tempfile.TemporaryDirectory() as folder:
            _measure_all(given, model_folder, Path(folder))
    except CannotMeasure as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the service.")
    parser.add_argument("--quick", action="store_true", help="8 clients and short runs only: a first impression")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True, help="other servers beside")
    parser.add_argument("--minutes", type=float, default=0, help="one long run instead, and whether memory stays flat")
    parser.add_argument("--model", type=Path, help="model folder; by default the released one")
    parser.add_argument(
        "--results", type=Path, default=RESULTS_FOLDER / "latest.json", help="JSON; the chart beside it"
    )
    megapixels = [size.megapixels for size in SIZES]
    parser.add_argument("--sizes", nargs="+", type=float, choices=megapixels, help="megapixels")
    parser.add_argument("--clients", nargs="+", type=int, help="how many at once")
    parser.add_argument("--turns", type=int, help="of each server in each cell")
    parser.add_argument("--beside", type=Path, help="another checkout of this repository to measure in the same run")
    parser.add_argument("--with", dest="settings", nargs="+", default=[], metavar="NAME=VALUE", help="its environment")
    given = parser.parse_args(arguments)
    given.sizes = given.sizes or ([0.3, 12] if given.quick else megapixels)
    given.turns = given.turns or (2 if given.quick else 4)
    given.clients = given.clients or ([8] if given.quick else [1, 8, 32])
    return given


def _measure_all(given: argparse.Namespace, model_folder: Path, folder: Path) -> None:
    contenders = _contenders(given)
    sizes = [size for size in SIZES if size.megapixels in given.sizes]
    print(f"drawing photos of {', '.join(size.name for size in sizes)}", file=sys.stderr)
    for size in sizes:
        (folder / size.name).mkdir()
        for number, photo in enumerate(make_photos(size)):
            (folder / size.name / f"{number}.jpg").write_bytes(photo)
    durations = Durations(turns=given.turns)
    cells: list[Cell] = []
    for size, clients in itertools.product(sizes, given.clients):
        print(f"measuring {size.name}, {clients} clients", file=sys.stderr)
        cells += measure(contenders, model_folder, folder / size.name, clients, durations)
    reached = targets(cells, contenders[0].name)
    write(cells, reached, given.results)
    if given.peers:
        draw([asdict(cell) for cell in cells], given.results.with_suffix(".svg"))
    _show(cells, reached)


def _contenders(given: argparse.Namespace) -> list[Contender]:
    found = [ours()]
    if given.beside or given.settings:
        settings = dict(setting.split("=", 1) for setting in given.settings)
        where = given.beside.resolve() if given.beside else found[0].folder
        name = " ".join(["beside" if given.beside else "with", *given.settings])
        found.append(ours(name, where, settings))
    return found + list(peers() if given.peers else [])


def _show(cells: Sequence[Cell], reached: Sequence[Target]) -> None:
    print(table(cells))
    print()
    for target in reached:
        print(f"{'met ' if target.met else 'MISSED'}  {target.what}: {target.reached:.2f} ({target.bound})")
    if wrong := [cell for cell in cells if cell.same_answers is False]:
        print(f"WRONG ANSWERS: {table(wrong)}")
    if not all(cell.calm for cell in cells):
        print("\nOthers used the machine meanwhile: do not trust the rows marked busy.")


if __name__ == "__main__":
    sys.exit(main())
