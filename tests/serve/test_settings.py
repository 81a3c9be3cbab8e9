"""Settings come from the environment and refuse what cannot work."""

import pytest
from pydantic import ValidationError

from serve.settings import Settings, is_loopback


def test_the_environment_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("XUNTU_PORT", "9000")
    monkeypatch.setenv("XUNTU_MODEL_FOLDER", str(tmp_path))

    settings = Settings()

    assert (settings.port, settings.model_folder) == (9000, tmp_path)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"threads": 0}, "threads"),
        ({"port": 65536}, "port"),
        ({"language": "fr"}, "language"),
        ({"region": "44060"}, "region"),
        ({"codes": "[]"}, "codes"),
        ({"queue_photos": 8}, "XUNTU_QUEUE_PHOTOS is 8"),
        ({"queue_bytes": 1_000_000}, "XUNTU_QUEUE_BYTES is 1000000"),
    ],
)
def test_what_cannot_work_is_refused(values, named):
    with pytest.raises(ValidationError, match=named):
        Settings(**values)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("xuntu.example", False),
        ("", False),
    ],
)
def test_keys_are_demanded_wherever_others_can_reach_the_service(host, loopback):
    assert is_loopback(host) is loopback
    assert Settings(host=host).keys_required is not loopback
    assert Settings(host=host, require_keys=True).keys_required
