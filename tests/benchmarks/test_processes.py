"""CPU and memory are those of a server's own processes; what others use is seen."""

import os
import subprocess
import sys
import time

from benchmarks.processes import Moment, cpu_seconds, memory_megabytes, tree

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"


def test_children_count_with_their_parent():
    child = f"{BUSY.format(seconds=0.4)}kept = bytearray(b'x' * 50_000_000)\ntime.sleep(20)"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        until = time.monotonic() + 15
        while memory_megabytes(process.pid) < 50:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert len(tree(process.pid)) == 2
        assert cpu_seconds(process.pid) >= 0.35
        for each in reversed(tree(process.pid)):
            os.kill(each, 9)


def test_what_others_use_is_seen():
    start = Moment.now(None)
    subprocess.run([sys.executable, "-c", BUSY.format(seconds=0.5)], check=True)

    assert Moment.now(None).others_since(start) > 0.5 / (os.cpu_count() or 1) / 2
