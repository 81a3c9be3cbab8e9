"""A service as clients see it: a real server on a free port, drawn photos, and a model that waits to be let go."""

import contextlib
import io
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image, ImageDraw

from model.classifier import ClassifiedPhoto, Classifier, current_release
from model.decision import decide
from serve.access.keys import add_key
from serve.access.roles import Role
from serve.app import create_app
from serve.database import Database, default_url
from serve.protocol import UploadProtocol
from serve.settings import Settings
from tests.colour_model import make_colour_model
from tests.serve.postgresql import find_programs, run_statement, running

START_SECONDS = 10


class Patient:
    """The released model, which answers nothing until it is let go."""

    def __init__(self, classifier: Classifier) -> None:
        self.card = classifier.card
        self.let_go = threading.Event()
        self.started = 0
        self._classifier = classifier

    def classify(self, photos: Sequence[bytes]) -> list[ClassifiedPhoto]:
        self.started += 1
        self.let_go.wait(START_SECONDS)
        return self._classifier.classify(photos)

    def describe(self, photos: Sequence[bytes]) -> list[ClassifiedPhoto]:
        self.started += 1
        self.let_go.wait(START_SECONDS)
        return self._classifier.describe(photos)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The released model; drawn photos are not strange to it."""
    released = Classifier.load(current_release())
    released.card = replace(released.card, familiar=None)
    return released


@pytest.fixture(scope="session")
def colour_classifier(tmp_path_factory) -> Classifier:
    """A model that gives evidence, see tests/colour_model.py."""
    return Classifier.load(make_colour_model(tmp_path_factory.mktemp("colours") / "model"))


@pytest.fixture
def patient(classifier):
    model = Patient(classifier)
    yield model
    model.let_go.set()


@pytest.fixture(scope="session")
def says(classifier) -> Callable[..., Any]:
    """A model that says the same of every photo: says("problem" or another verdict, label="road_damage")."""

    class Sure:
        def __init__(self, verdict: str, label: str = "road_damage") -> None:
            self.card = classifier.card
            self.precision = classifier.precision
            threshold = self.card.thresholds[label]
            score = {"problem": threshold.upper, "review": threshold.lower, "no_problem": 0.0}[verdict]
            self.decision = decide({**dict.fromkeys(self.card.labels, 0.0), label: score}, self.card)

        def classify(self, photos: Sequence[bytes]) -> list[ClassifiedPhoto]:
            return [replace(seen, decision=self.decision) for seen in classifier.classify(photos)]

        def describe(self, photos: Sequence[bytes]) -> list[ClassifiedPhoto]:
            return [replace(seen, decision=self.decision) for seen in classifier.describe(photos)]

    return Sure


@contextlib.contextmanager
def _serving(settings: Settings, classifier: Any) -> Iterator[httpx.Client]:
    app = create_app(settings, classifier)
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=UploadProtocol, ws="none", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + START_SECONDS
    while not server.started:
        assert thread.is_alive(), "the server ended while starting"
        assert time.monotonic() < until, "the server did not start in time"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


@pytest.fixture
def serve_with(classifier, tmp_path) -> Iterator[Callable[..., httpx.Client]]:
    """Start a service with these settings; it ends with the test."""
    with contextlib.ExitStack() as running:

        def start(model: Any = None, **settings: Any) -> httpx.Client:
            settings = {"data_folder": tmp_path, "threads": 2, **settings}
            return running.enter_context(_serving(Settings(**settings), model or classifier))

        yield start


@pytest.fixture
def make_key(tmp_path) -> Callable[..., str]:
    """Make a key for the service of `serve_with`: make_key(role) or make_key(role, name=…, requests_per_minute=…).

    The service demands it where it is started with require_keys=True.
    """

    def make(role: str = "patrol", *, name: str | None = None, requests_per_minute: int | None = None) -> str:
        database = Database(default_url(tmp_path))
        try:
            database.migrate()
            with database.writing() as session:
                return add_key(session, name or role, Role(role), requests_per_minute)
        finally:
            database.close()

    return make


@pytest.fixture
def sent_by(make_key) -> Callable[..., dict[str, str]]:
    """Headers of a request with a new key of this role; arguments as those of `make_key`."""
    return lambda *role, **given: {"Authorization": f"Bearer {make_key(*role, **given)}"}


@pytest.fixture(scope="session")
def client(classifier, tmp_path_factory) -> Iterator[httpx.Client]:
    """A service with default settings, shared by all tests that change nothing."""
    with _serving(Settings(data_folder=tmp_path_factory.mktemp("data")), classifier) as running:
        until = time.monotonic() + START_SECONDS
        while running.get("/health/ready").status_code != 200:
            assert time.monotonic() < until, "the model did not warm up in time"
            time.sleep(0.02)
        yield running


def _drawn(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    picture = Image.new("RGB", (width, height), (120, 124, 128))
    pencil = ImageDraw.Draw(picture)
    pencil.ellipse((width // 4, height // 3, width // 2, height // 2), fill=(30, 32, 34))
    pencil.line((0, height, width, height // 2), fill=(220, 220, 210), width=5)
    return picture.convert(mode)


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Image.Image]:
    """Draw a road of this width, height and mode."""
    return _drawn


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """A drawn photo file: photo(width, height, mode, format="JPEG", **how Pillow saves it)."""

    def make(width: int = 320, height: int = 240, mode: str = "RGB", *, format: str = "JPEG", **saving: Any) -> bytes:
        file = io.BytesIO()
        _drawn(width, height, mode).save(file, format, **saving)
        return file.getvalue()

    return make


def _form(*photos: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photo", (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(photos)]


@pytest.fixture(scope="session")
def dark_photo() -> bytes:
    """A photo file in which nothing can be seen."""
    file = io.BytesIO()
    _drawn().point(lambda level: level // 12).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="session")
def form() -> Callable[..., list[tuple[str, tuple[str, bytes, str]]]]:
    """`files` of a request with these photos."""
    return _form


# ---- databases ----


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a PostgreSQL server with a database `migrated`, without a database's name."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with running(programs) as url:
        run_statement(url, "CREATE DATABASE migrated")
        database = Database(f"{url}/migrated")
        database.migrate()
        database.close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path) -> Iterator[str]:
    """URL of a new database with the newest schema, of each kind."""
    if request.param == "sqlite":
        url = default_url(tmp_path)
        database = Database(url)
        database.migrate()
        database.close()
        yield url
        return
    server = request.getfixturevalue("postgresql")
    name = f"test_{uuid.uuid4().hex}"
    run_statement(server, f"CREATE DATABASE {name} TEMPLATE migrated")
    yield f"{server}/{name}"
    run_statement(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    """The same, open."""
    opened = Database(database_url)
    yield opened
    opened.close()
