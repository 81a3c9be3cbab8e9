"""Schemathesis asks the real service what its OpenAPI document allows, and what it forbids.

No answer may be a 5xx of ours or one that the document does not describe.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.service_process import ServiceProcess

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "allow_header_conformance",
    "unsupported_method",
)


@pytest.mark.parametrize("seed", [17])
def test_no_answer_is_a_500_or_undocumented(tmp_path, seed):
    service = ServiceProcess(tmp_path, {"XUNTU_KEEP_PHOTOS": "always"})
    service.start()
    try:
        asked = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{service.url}/openapi.json",
                "--phases=examples,coverage,fuzzing",
                "--max-examples=12",
                f"--seed={seed}",
                f"--checks={','.join(CHECKS)}",
                "--warnings=off",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    finally:
        service.stop()

    assert asked.returncode == 0, asked.stdout[-8000:]
    assert "operations: " in asked.stdout.lower() or "selected" in asked.stdout.lower()
