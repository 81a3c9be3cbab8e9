"""`python -m training fit | export | calibrate | quantize | evaluate | release`: each step feeds the next."""

import argparse
import logging
import sys
from dataclasses import fields
from pathlib import Path

from datasets.errors import DatasetError
from datasets.manifest import SPLITS
from model.errors import ModelError
from training.config import DEFAULT_STAGES, TrainingConfig, parse_stages
from training.errors import TrainingError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 when it refused, 130 when interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("training").setLevel(logging.INFO)  # not the exporter's and the quantiser's notes
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run_command(chosen)
    except (TrainingError, DatasetError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"error: {error.filename or 'disk'}: {error.strerror or error}; free space or rights, then run it again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("stopped; what was finished is kept (a fit goes on from its last epoch with --resume)", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    fit = commands.add_parser("fit", help="train; writes RUN/weights.safetensors")
    fit.add_argument("--manifest", type=Path, required=True)
    fit.add_argument("--out", type=Path, required=True, metavar="RUN")
    fit.add_argument("--resume", action="store_true", help="go on after the last finished epoch")
    for field in fields(TrainingConfig):
        if field.name not in ("manifest", "stages"):
            kind = {"int": int, "float": float, "str": str}[getattr(field.type, "__name__", str(field.type))]
            fit.add_argument(
                f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help=f"default {field.default}"
            )
    default_stages = ",".join(f"{stage.side}:{stage.epochs}" for stage in DEFAULT_STAGES)
    fit.add_argument("--stages", default=default_stages, help="SIDE:EPOCHS,… default %(default)s")
    fit.set_defaults(run_command=_fit)

    export = commands.add_parser("export", help="RUN/weights.safetensors → a model folder with model.onnx")
    export.add_argument("run", type=Path, metavar="RUN")
    export.add_argument("--out", type=Path, help="default RUN/model")
    export.set_defaults(run_command=_export)

    calibrate = commands.add_parser("calibrate", help="set thresholds and calibration from the split val")
    calibrate.add_argument("folder", type=Path, metavar="MODEL")
    calibrate.add_argument("--manifest", type=Path, required=True)
    calibrate.set_defaults(run_command=_calibrate)

    quantize = commands.add_parser("quantize", help="add the network in int8; it is served where little F1 is lost")
    quantize.add_argument("folder", type=Path, metavar="MODEL")
    quantize.add_argument("--manifest", type=Path, required=True)
    quantize.set_defaults(run_command=_quantize)

    evaluate = commands.add_parser("evaluate", help="measure a model folder; writes evaluation.json and report.html")
    evaluate.add_argument("folder", type=Path, metavar="MODEL")
    evaluate.add_argument("--manifest", type=Path, required=True)
    evaluate.add_argument("--split", choices=SPLITS, default="test")
    evaluate.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    evaluate.set_defaults(run_command=_evaluate)

    release = commands.add_parser("release", help="give a measured model folder its place and put it to use")
    release.add_argument("folder", type=Path, metavar="MODEL")
    release.add_argument("--evaluation", type=Path, required=True, metavar="FOLDER", help="what evaluate wrote")
    release.add_argument("--version", required=True, help="such as 1.0.0")
    release.set_defaults(run_command=_release)
    return parser


def _fit(chosen: argparse.Namespace) -> None:
    from training.train import fit

    options = {field.name: getattr(chosen, field.name) for field in fields(TrainingConfig) if field.name != "stages"}
    print(fit(TrainingConfig(**options, stages=parse_stages(chosen.stages)), chosen.out, resume=chosen.resume))


def _export(chosen: argparse.Namespace) -> None:
    from training.export import export

    print(export(chosen.run, chosen.out or chosen.run / "model"))


def _calibrate(chosen: argparse.Namespace) -> None:
    from training.calibrate import calibrate

    calibrate(chosen.folder, chosen.manifest)


def _quantize(chosen: argparse.Namespace) -> None:
    from training.quantize import quantize

    print(quantize(chosen.folder, chosen.manifest))


def _evaluate(chosen: argparse.Namespace) -> None:
    from training.evaluate import evaluate
    from training.report import REPORT_FILE, interval_text, problem_table

    evaluation = evaluate(chosen.folder, chosen.manifest, chosen.split, chosen.out)
    for row in problem_table(evaluation):
        print("  ".join(f"{cell:<28}" for cell in row).rstrip())
    print(f"macro F1 {interval_text(evaluation['macro_f1'])}")
    normal = evaluation["normal_photos"]
    print(f"false alarms on {normal['photos']} normal photos {interval_text(normal['false_alarms'])}")
    print(chosen.out / REPORT_FILE)


def _release(chosen: argparse.Namespace) -> None:
    from training.release import release

    print(release(chosen.folder, chosen.evaluation, chosen.version))


if __name__ == "__main__":
    sys.exit(main())
