"""The table, the targets and the chart say what was measured."""

import dataclasses
import json

import pytest

from benchmarks.cells import BUSY_SHARE, Cell, percentile
from benchmarks.chart import draw
from benchmarks.results import table, targets, write

CELL = Cell(
    server="xuntu",
    photos="12 MP",
    clients=8,
    requests_a_second=45.0,
    ratio=0.97,
    cpueff=0.95,
    p50_ms=170.0,
    p99_ms=200.0,
    p50_ratio=4.0,
    live_p99_ms=9.0,
    errors=0,
    refused=0,
    megabytes=180.0,
    megabytes_at_start=130.0,
    ready_seconds=0.9,
    same_answers=True,
    server_cpu_ms=44.0,
    client_cpu_ms=0.8,
    ceiling_photos_a_second=46.0,
    ceiling_cpu_ms=42.0,
    others=0.01,
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [(range(1, 101), 50, 51), (range(1, 101), 99, 100), ([3.0], 99, 3.0), ([], 50, float("inf"))],
)
def test_percentiles_are_values_that_occurred(values, percent, expected):
    assert percentile(values, percent) == expected


def test_a_busy_machine_is_said_in_its_row():
    busy = dataclasses.replace(CELL, others=BUSY_SHARE + 0.01)

    assert "busy" not in table([CELL])
    assert "busy: others used 5%" in table([CELL, busy]).splitlines()[2]


def test_targets_are_met_or_missed():
    tutorial = dataclasses.replace(CELL, server="tutorial FastAPI", requests_a_second=10.0)

    found = {target.what: target for target in targets([CELL, tutorial], "xuntu")}

    assert found["12 MP, 8 clients: cpueff"].met
    assert not found["12 MP, 8 clients: times the tutorial's requests/s"].met
    assert found["12 MP, 8 clients: times the tutorial's requests/s"].reached == 4.5


def test_the_chart_is_drawn_from_the_json_alike_each_time(tmp_path):
    small = dataclasses.replace(CELL, photos="0.3 MP")
    write([CELL, small], targets([CELL, small], "xuntu"), tmp_path / "latest.json")
    cells = json.loads((tmp_path / "latest.json").read_text())["cells"]

    for name in ("one.svg", "other.svg"):
        draw(cells, tmp_path / name)

    assert "45/s" in (tmp_path / "one.svg").read_text()
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
