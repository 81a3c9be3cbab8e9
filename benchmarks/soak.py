"""A long run at 8 clients with photos of every size: does memory stay flat, does nothing fail?"""

import statistics
import sys
import time
from pathlib import Path

from benchmarks.cells import percentile, prepared
from benchmarks.load import Load
from benchmarks.photos import SIZES, make_photos
from benchmarks.processes import memory_megabytes
from benchmarks.results import RESULTS_FOLDER, write_json
from benchmarks.servers import Contender, Running, running

_CLIENTS = 8
_SAMPLE_SECONDS = 2
_FLAT_SHARE = 0.05  # the last third may hold so much more than the middle third; the first is for settling


def soak(contender: Contender, model_folder: Path, minutes: float) -> bool:
    """Whether it passed; says what it saw."""
    photos = [photo for size in SIZES for photo in make_photos(size)]
    with (
        prepared(contender, photos) as requests,
        running(contender, model_folder) as server,
        Load(server.port, requests, _CLIENTS) as tally,
    ):
        megabytes = _watch(server, minutes)
    third = len(megabytes) // 3
    middle, last = statistics.median(megabytes[third : 2 * third]), statistics.median(megabytes[2 * third :])
    errors, refused = sum(tally.errors.values()), len(tally.refused)
    flat = last <= middle * (1 + _FLAT_SHARE)
    latencies = [seconds for _, seconds in tally.taken]
    print(
        f"{minutes:g} minutes, {_CLIENTS} clients, {len(latencies)} answered, {errors} errors, {refused} refused\n"
        f"PSS MB: {middle:.0f} in the middle third, {last:.0f} in the last, {max(megabytes):.0f} at most; "
        f"{'flat' if flat else 'GROWING'}\n"
        f"p50 {percentile(latencies, 50) * 1000:.0f} ms, p99 {percentile(latencies, 99) * 1000:.0f} ms"
    )
    for error, times in tally.errors.most_common():
        print(f"{times} x {error}")
    content = {
        "minutes": minutes,
        "clients": _CLIENTS,
        "answered": len(latencies),
        "errors": errors,
        "refused": refused,
        "megabytes": megabytes,
    }
    write_json(content, RESULTS_FOLDER / "soak.json")
    return flat and not errors and not refused


def _watch(server: Running, minutes: float) -> list[float]:
    """PSS in MB, sampled until the time is over."""
    until = time.monotonic() + minutes * 60
    megabytes: list[float] = []
    while time.monotonic() < until:
        time.sleep(_SAMPLE_SECONDS)
        megabytes.append(memory_megabytes(server.pid))
        print(
            f"\r{megabytes[-1]:6.0f} MB, {(until - time.monotonic()) / 60:4.1f} minutes left ", end="", file=sys.stderr
        )
    print(file=sys.stderr)
    return megabytes
