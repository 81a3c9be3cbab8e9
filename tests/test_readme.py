"""The documents say what is true: commands exist, numbers are the released model's, the real answer is real."""

import itertools
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from model.card import load_card
from model.classifier import current_release
from serve.app import create_app
from serve.settings import Settings

ROOT = Path(__file__).parents[1]
READMES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")}
PHOTOS = ROOT.parent / "shared" / "photos"
POTHOLE = PHOTOS / "road_damage/mayurbhamare004-smart-civic-chitholian-phone/0089.webp"


@pytest.fixture
def address(tmp_path):
    """A service started as the README says, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"XUNTU_DATA_FOLDER": str(tmp_path)}
    command = [sys.executable, "-m", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as service:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        service.terminate()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text):
    lines = [line.split(" #")[0].strip() for block in blocks(text, "sh") for line in block.splitlines()]
    return lines + [found for found in re.findall(r"`(python -m [^`]+)`", text) if "…" not in found]


def test_both_languages_give_the_same_commands_and_the_same_answer():
    english, chinese = READMES.values()

    assert commands(english) == commands(chinese)
    assert blocks(english, "json") == blocks(chinese, "json")


@pytest.mark.parametrize("name", READMES)
def test_the_first_lines_say_what_it_is_how_to_start_and_what_it_answers(name):
    first = "\n".join(READMES[name].splitlines()[:40])

    assert len(re.findall(r"\*\*[\d.]+", first)) == 3  # three numbers
    assert all(words in first for words in ("make serve", "make test", "curl -F photo=@", '"verdict": "problem"'))


@pytest.mark.parametrize("name", READMES)
def test_numbers_are_those_of_the_released_model(name):
    evaluation = load_card(current_release()).evaluation
    text = READMES[name]

    assert f"**{evaluation['macro_f1']['value']:.3f}**" in text
    assert f"**{100 * evaluation['normal_photos']['false_alarms']['value']:.1f} %**" in text
    for label, figures in evaluation["problems"].items():
        (row,) = [line for line in text.splitlines() if line.startswith("|") and f"`{label}`" in line]
        for figure in ("precision", "recall", "f1"):
            assert f"{figures[figure]['value']:.3f}" in row


def test_every_command_of_the_tools_exists():
    tools = {tuple(shlex.split(line)[2:4]) for line in commands(READMES["README.md"]) if line.startswith("python -m")}

    assert {("training", "fit"), ("training", "release"), ("datasets", "check"), ("model", "classify")} <= tools
    for module, command in sorted(tools):
        arguments = [command] if not command.startswith("-") else []
        shown = subprocess.run(
            [sys.executable, "-m", module, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, f"{module} {command}: {shown.stderr}"


def test_every_option_in_a_command_exists():
    for line in commands(READMES["README.md"]):
        words = shlex.split(line)
        if words[:2] != ["python", "-m"]:
            continue
        options = [word for word in words if word.startswith("--")]
        arguments = itertools.takewhile(lambda word: not word.startswith("-"), words[3:])
        shown = subprocess.run(
            [sys.executable, "-m", words[2], *arguments, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert all(option in shown.stdout for option in options), line


@pytest.mark.parametrize(
    "command", [command for command in READMES["README.md"].split("`") if command.startswith("make ")]
)
def test_every_make_target_exists(command):
    shown = subprocess.run(
        ["make", "--dry-run", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert shown.returncode == 0, shown.stderr


def test_links_lead_to_files():
    for name, text in READMES.items():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_every_setting_is_documented():
    described = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(XUNTU_\w+)`", described, flags=re.MULTILINE))

    assert rows == {f"XUNTU_{name.upper()}" for name in Settings.model_fields}


def test_the_answer_in_the_readme_has_the_fields_of_the_api():
    (answer,) = map(json.loads, blocks(READMES["README.md"], "json"))
    schemas = create_app(Settings()).openapi()["components"]["schemas"]

    assert set(answer) == set(schemas["CaseAnswer"]["properties"])
    assert set(answer["problems"][0]) == set(schemas["FoundProblem"]["properties"])
    assert set(answer["photos"][0]) == set(schemas["PhotoAnswer"]["properties"])


@pytest.mark.skipif(not POTHOLE.is_file(), reason="the real photos are not on this machine")
def test_the_real_answer_is_what_the_service_answers(tmp_path, address):
    (answer,) = map(json.loads, blocks(READMES["README.md"], "json"))
    (line,) = [line for line in commands(READMES["README.md"]) if line.startswith("curl")]
    (tmp_path / "pothole.webp").write_bytes(POTHOLE.read_bytes())

    shown = subprocess.run(
        shlex.split(line.replace("http://127.0.0.1:8000", address)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    given = json.loads(shown.stdout)
    scores, expected_scores = given["photos"][0].pop("scores"), answer["photos"][0].pop("scores")
    score, expected = given["problems"][0].pop("score"), answer["problems"][0].pop("score")
    assert given == answer
    assert score == pytest.approx(expected, abs=0.02)  # processors differ in how they round
    assert scores == pytest.approx(expected_scores, abs=0.02)
