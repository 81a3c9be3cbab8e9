"""`python -m model classify PATH... [--json] [--overlay DIR]` and `python -m model inspect FOLDER`."""

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from model.classifier import ClassifiedPhoto, Classifier, current_release
from model.decision import Verdict
from model.errors import ModelError, NoEvidence, PhotoError
from model.overlay import draw_overlay
from model.problems import load_problems
from model.quality import ADVICE, QualityIssue

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
_VERDICT_ZH = {Verdict.PROBLEM: "发现问题", Verdict.REVIEW: "需人工查看", Verdict.NO_PROBLEM: "未发现问题"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when everything could be read, 1 when something could not, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m model", description="Classify photos with a released model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    classify = commands.add_parser("classify", help="say what photos show")
    classify.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="a photo, or a folder to search through")
    classify.add_argument("--json", action="store_true", help="one JSON object a line")
    classify.add_argument("--overlay", type=Path, metavar="DIR", help="draw there, for each problem found, where it is")
    classify.add_argument("--model", type=Path, metavar="FOLDER", help="default: the model in use")
    classify.set_defaults(run_command=_classify)
    inspect = commands.add_parser("inspect", help="check a model folder and show its card")
    inspect.add_argument("model", type=Path, nargs="?", metavar="FOLDER", help="default: the model in use")
    inspect.set_defaults(run_command=_inspect)
    chosen = parser.parse_args(arguments)
    try:
        status: int = chosen.run_command(chosen)
        sys.stdout.flush()
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _classify(chosen: argparse.Namespace) -> int:
    folder = chosen.model or current_release()
    classifier = Classifier.load(folder)
    if chosen.overlay is not None and not classifier.gives_evidence:
        raise NoEvidence(folder, classifier.card.version)
    status = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        try:
            photos = list(_find_photos(chosen.paths))
            overlays = [chosen.overlay and chosen.overlay / name for name in _distinct_names(photos)]
            for answer in threads.map(partial(_answer, classifier), photos, overlays):
                print(json.dumps(answer, ensure_ascii=False) if chosen.json else _line(answer), flush=True)
                status = status or int("error" in answer)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return status


def _find_photos(paths: Sequence[Path]) -> Iterator[Path]:
    """The photos below each folder in the order of their names; anything else as it was given."""
    for path in paths:
        below = [found for found in sorted(path.rglob("*")) if found.suffix.lower() in SUFFIXES and found.is_file()]
        yield from below or [path]


def _distinct_names(photos: Sequence[Path]) -> list[str]:
    """The name of each photo without its suffix; photos of one name are numbered."""
    names: dict[str, None] = {}
    for photo in photos:
        numbered = (photo.stem if number == 1 else f"{photo.stem}-{number}" for number in itertools.count(1))
        names[next(name for name in numbered if name not in names)] = None
    return list(names)


def _answer(classifier: Classifier, path: Path, overlay: Path | None) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        if path.is_dir():
            return {"file": str(path), "error": f"the folder holds no photo ({', '.join(SUFFIXES)})"}
        data = path.read_bytes()
        (photo,) = classifier.classify([data], evidence=overlay is not None)
    except PhotoError as error:
        return {"file": str(path), "error": str(error), "code": error.code}
    except OSError as error:
        return {"file": str(path), "error": f"cannot be read: {error.strerror or error}"}
    decision = photo.decision
    answer: dict[str, Any] = {
        "file": str(path),
        "verdict": decision.verdict,
        "problems": list(decision.problems),
        "scores": {label: round(score, 4) for label, score in decision.scores.items()},
        "quality": list(decision.quality),
        "milliseconds": round(1000 * (time.perf_counter() - began), 1),
    }
    if overlay is not None:
        answer["overlays"] = [str(drawn) for drawn in _draw_overlays(data, photo, overlay)]
    return answer


def _draw_overlays(data: bytes, photo: ClassifiedPhoto, overlay: Path) -> Iterator[Path]:
    """Write a JPEG for each suspected problem, `overlay` with the problem's key behind its name; their paths."""
    problems, evidence = load_problems(), photo.evidence or {}
    for key in photo.decision.suspected:
        target = overlay.with_name(f"{overlay.name}-{key}.jpg")
        caption = f"{problems[key].name_en} {photo.decision.scores[key]:.2f}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draw_overlay(data, evidence[key], caption).save(target, quality=90)
        except OSError as error:
            raise ModelError(f"{target}: cannot be written ({error.strerror}); choose another --overlay") from error
        yield target


def _line(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"{answer['file']}: {answer['error']}"
    names = {key: problem.name_zh for key, problem in load_problems().items()}
    shown = answer["problems"] or [max(answer["scores"], key=answer["scores"].get)]
    scores = ", ".join(f"{names.get(key, key)} {key} {answer['scores'][key]:.2f}" for key in shown)
    found = "" if answer["problems"] else "highest: "
    advice = "".join(f"{ADVICE[QualityIssue(issue)]['zh']} {issue}; " for issue in answer["quality"])
    return f"{answer['file']}: {_VERDICT_ZH[answer['verdict']]} {answer['verdict']} ({advice}{found}{scores})"


def _inspect(chosen: argparse.Namespace) -> int:
    folder = chosen.model or current_release()
    card = Classifier.load(folder).card
    print(f"{folder}: {card.name} {card.version}, complete and unchanged")
    print(
        f"takes photos of {card.input_side}x{card.input_side} pixels ({card.resize_rule}), scores in {card.precision}"
    )
    for label in card.labels:
        threshold, figures = card.thresholds[label], card.evaluation.get("problems", {}).get(label)
        line = f"  {label:<18} found from {threshold.upper:.3f}, to a person from {threshold.lower:.3f}"
        for name, weights in (("likeness", card.likeness), ("nearness", card.nearness)):
            line += f", {name} times {weights[label]:.2f}" if label in weights else ""
        print(line + (f", F1 {figures['f1']['value']:.3f}" if figures else ""))
    for name, value in card.data.items():
        print(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
