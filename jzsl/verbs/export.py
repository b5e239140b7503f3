"""`jzsl export`: the model of a run as a folder that classifies without jzsl."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from jzsl.driver import saved_model
from jzsl.driver.cluster_names import named
from jzsl.driver.repeat import recorded
from jzsl.driver.result import read_run
from jzsl.errors import InputError
from jzsl.export.write import export_model, require_flatbuffers


@dataclass(frozen=True)
class ExportOptions:
    """The model of a run as StableHLO programs and plain NumPy arrays, which need no training code."""

    run_dir: tyro.conf.Positional[Path]
    """folder of the run"""
    out: Path
    """folder to write"""
    config: Path | None = None
    """the config file of the run, if it has classes of its own"""
    seed: int = 0
    """seed whose model is exported"""
    task: str | None = None
    """name of one of the run's tasks (zsl: among unseen classes; gzsl: among all classes); by default the first one"""


def export(arguments: list[str]) -> int:
    options = tyro.cli(ExportOptions, args=arguments, prog="jzsl export")
    require_flatbuffers()
    if options.out.exists():
        raise InputError(f"{options.out}: exists already; choose another --out")
    experiment, header = recorded(options.run_dir, options.config)
    _, result = read_run(options.run_dir)
    model = saved_model.load(options.run_dir / "checkpoints" / f"seed-{options.seed}", experiment, options.task)
    model = named(model, options.run_dir, options.seed)
    about = {
        "setting": result["setting"],
        "data": header["data"],
        "features_of": result["features"],
        "semantics_of": result["semantics"],
        "seed": options.seed,
    }
    files = export_model(model, about, options.out)
    if model.note is not None:
        print(f"note: {model.note}")
    print(f"{options.out}: {', '.join(files)}; {len(model.names)} classes")
    return 0
