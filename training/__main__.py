"""`python -m training COMMAND`: from photos to a released model, and what is measured on the way."""

import argparse
import logging
import sys
from dataclasses import fields
from pathlib import Path

from datasets.errors import DatasetError
from datasets.folds import FOLDS_FILE
from datasets.manifest import SPLITS
from datasets.regions import VAL_REGIONS_FILE
from model.errors import ModelError
from training.config import DEFAULT_STAGES, TrainingConfig, parse_stages
from training.errors import TrainingError

_NOT_PLAIN = ("manifest", "stages", "leave_out")  # fields of a run that have options of their own, or none


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
    _add_fit_options(fit)
    fit.set_defaults(run_command=_fit)

    left_out = commands.add_parser("leave-out", help="train once a fold; measure each on the origins it did not see")
    left_out.add_argument("--manifest", type=Path, required=True)
    left_out.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    left_out.add_argument("--folds", type=Path, default=FOLDS_FILE, help="default %(default)s")
    left_out.add_argument(
        "--members", type=float, nargs="+", default=(), metavar="MOSAICS", help="of a soup, one a run"
    )
    left_out.add_argument("--refit", action="store_true", help="fit the last layer of each anew")
    _add_weak_labels(left_out)
    _add_fit_options(left_out)
    left_out.set_defaults(run_command=_leave_out)

    mix = commands.add_parser("soup", help="the mean of several runs → a run; better on places never seen")
    mix.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="one named twice counts twice")
    mix.add_argument("--out", type=Path, required=True, metavar="RUN")
    mix.set_defaults(run_command=_soup)

    refit = commands.add_parser("refit", help="fit the last layer of a run anew → a run; better on places never seen")
    refit.add_argument("run", type=Path, metavar="RUN")
    refit.add_argument("--out", type=Path, required=True, metavar="RUN")
    _add_weak_labels(refit)
    refit.set_defaults(run_command=_refit)

    export = commands.add_parser("export", help="RUN/weights.safetensors → a model folder with model.onnx")
    export.add_argument("run", type=Path, metavar="RUN")
    export.add_argument("--out", type=Path, help="default RUN/model")
    export.set_defaults(run_command=_export)

    calibrate = commands.add_parser("calibrate", help="set thresholds and calibration from the split val")
    calibrate.add_argument("folder", type=Path, metavar="MODEL")
    calibrate.add_argument("--manifest", type=Path, required=True)
    _add_weak_labels(calibrate)
    calibrate.set_defaults(run_command=_calibrate)

    quantize = commands.add_parser("quantize", help="add the network in int8; it is served where little F1 is lost")
    quantize.add_argument("folder", type=Path, metavar="MODEL")
    quantize.add_argument("--manifest", type=Path, required=True)
    _add_weak_labels(quantize)
    quantize.set_defaults(run_command=_quantize)

    robustness = commands.add_parser(
        "robustness", help="measure a model folder on worse photos; writes robustness.json"
    )
    robustness.add_argument("folder", type=Path, metavar="MODEL")
    robustness.add_argument("--manifest", type=Path, required=True)
    robustness.add_argument("--split", choices=("val", "test"), default="test")
    robustness.add_argument(
        "--severity", type=int, nargs="+", choices=range(1, 6), default=[3], help="1 a blemish, 5 hard for a person too"
    )
    robustness.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    robustness.set_defaults(run_command=_robustness)

    evaluate = commands.add_parser("evaluate", help="measure a model folder; writes evaluation.json and report.html")
    evaluate.add_argument("folder", type=Path, metavar="MODEL")
    evaluate.add_argument("--manifest", type=Path, required=True)
    evaluate.add_argument("--split", choices=SPLITS, default="test")
    evaluate.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    evaluate.add_argument(
        "--robustness", type=Path, metavar="FILE", help="what robustness wrote; default the one in FOLDER, if any"
    )
    evaluate.set_defaults(run_command=_evaluate)

    regions = commands.add_parser("regions", help="propose parts of photos that show nothing; to be looked at")
    regions.add_argument("folder", type=Path, metavar="MODEL")
    regions.add_argument("--manifest", type=Path, required=True)
    regions.add_argument("--problem", required=True, help="which the photos show and the regions should not")
    regions.add_argument("--count", type=int, default=300, help="at most; default %(default)s")
    regions.add_argument("--below", type=float, default=0.0, help="share of the height above every region; 0.4: ground")
    regions.add_argument("--out", type=Path, required=True, metavar="FILE")
    regions.add_argument("--sheets", type=Path, required=True, metavar="FOLDER", help="pictures of what is proposed")
    regions.set_defaults(run_command=_regions)

    parts = commands.add_parser("parts", help="what is said of looked-at parts of validation photos")
    parts.add_argument("folder", type=Path, metavar="MODEL")
    parts.add_argument("--manifest", type=Path, required=True)
    parts.add_argument("--regions", type=Path, default=VAL_REGIONS_FILE, help="default %(default)s")
    parts.set_defaults(run_command=_parts)

    release = commands.add_parser("release", help="give a measured model folder its place and put it to use")
    release.add_argument("folder", type=Path, metavar="MODEL")
    release.add_argument("--evaluation", type=Path, required=True, metavar="FOLDER", help="what evaluate wrote")
    release.add_argument("--left-out", type=Path, metavar="FILE", help="what leave-out wrote, to stand in the README")
    release.add_argument("--version", required=True, help="such as 1.0.0")
    release.set_defaults(run_command=_release)
    return parser


def _add_weak_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weak-labels", type=Path, metavar="FILE", help="labels that nothing is fitted to")


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    for field in fields(TrainingConfig):
        if field.name not in _NOT_PLAIN:
            kind = {"int": int, "float": float, "str": str}[getattr(field.type, "__name__", str(field.type))]
            parser.add_argument(
                f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help=f"default {field.default}"
            )
    default_stages = ",".join(f"{stage.side}:{stage.epochs}" for stage in DEFAULT_STAGES)
    parser.add_argument("--stages", default=default_stages, help="SIDE:EPOCHS,… default %(default)s")


def _config(chosen: argparse.Namespace) -> TrainingConfig:
    options = {
        field.name: getattr(chosen, field.name) for field in fields(TrainingConfig) if hasattr(chosen, field.name)
    }
    return TrainingConfig(**options | {"stages": parse_stages(chosen.stages)})


def _fit(chosen: argparse.Namespace) -> None:
    from training.train import fit

    print(fit(_config(chosen), chosen.out, resume=chosen.resume))


def _leave_out(chosen: argparse.Namespace) -> None:
    from training.leave_out import LEFT_OUT_FILE, leave_out
    from training.tables import left_out_table

    figures = leave_out(
        _config(chosen), chosen.folds, chosen.out, chosen.members, refitted=chosen.refit, weak_labels=chosen.weak_labels
    )
    _print_table(left_out_table(figures))
    print(chosen.out / LEFT_OUT_FILE)


def _soup(chosen: argparse.Namespace) -> None:
    from training.soup import soup

    print(soup(chosen.runs, chosen.out))


def _refit(chosen: argparse.Namespace) -> None:
    from training.refit import refit

    print(refit(chosen.run, chosen.out, chosen.weak_labels))


def _export(chosen: argparse.Namespace) -> None:
    from training.export import export

    print(export(chosen.run, chosen.out or chosen.run / "model"))


def _calibrate(chosen: argparse.Namespace) -> None:
    from training.calibrate import calibrate

    calibrate(chosen.folder, chosen.manifest, weak_labels=chosen.weak_labels)


def _quantize(chosen: argparse.Namespace) -> None:
    from training.quantize import quantize

    print(quantize(chosen.folder, chosen.manifest, weak_labels=chosen.weak_labels))


def _robustness(chosen: argparse.Namespace) -> None:
    from training.robustness import ROBUSTNESS_FILE, measure_robustness
    from training.tables import robustness_table, stability_table

    severities = sorted(set(chosen.severity))
    robustness = measure_robustness(chosen.folder, chosen.manifest, chosen.split, severities, chosen.out)
    _print_table(robustness_table(robustness))
    _print_table(stability_table(robustness))
    print(chosen.out / ROBUSTNESS_FILE)


def _evaluate(chosen: argparse.Namespace) -> None:
    from training.evaluate import evaluate
    from training.report import REPORT_FILE
    from training.tables import figure_table, problem_table

    evaluation = evaluate(chosen.folder, chosen.manifest, chosen.split, chosen.out, robustness=chosen.robustness)
    _print_table(problem_table(evaluation))
    _print_table(figure_table(evaluation))
    print(chosen.out / REPORT_FILE)


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _parts(chosen: argparse.Namespace) -> None:
    from training.parts import decide_parts, parts_table

    _print_table(parts_table(decide_parts(chosen.folder, chosen.manifest, chosen.regions)))


def _regions(chosen: argparse.Namespace) -> None:
    from training.regions import find_regions

    found = find_regions(
        chosen.folder,
        chosen.manifest,
        chosen.problem,
        chosen.out,
        chosen.sheets,
        count=chosen.count,
        below=chosen.below,
    )
    print(f"{found} regions in {chosen.out}; look at {chosen.sheets} and remove the lines that show a problem")


def _release(chosen: argparse.Namespace) -> None:
    from training.release import release

    print(release(chosen.folder, chosen.evaluation, chosen.version, left_out=chosen.left_out))


if __name__ == "__main__":
    sys.exit(main())
