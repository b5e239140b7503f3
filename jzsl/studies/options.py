"""What the command line may say of a study, and the setting that it means."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from jzsl.data.arrays import read_entries
from jzsl.data.locate import locate
from jzsl.driver.load import load_config
from jzsl.errors import InputError, require_positive
from jzsl.problem.transforms import MinMax
from jzsl.studies.questions import Base, Study
from jzsl.studies.study import Setting


@dataclass(frozen=True)
class StudyOptions:
    """Answer one question of the papers with a table (CSV, JSON) and a figure."""

    name: tyro.conf.Positional[Study]
    """the question: STHS paper, fig. 1 A to D, fig. 3, table 3, how far estimates of the class prior are off; ABP
    paper, fig. 3, table 3, figs. 4 and 5, table 4, and the likelihood of held-out rows; generalized recognition: the
    seen-unseen curve, STHS tables 2 and 4; AVH paper, section 4, figs. 4 and 3, tables 3 and 4"""
    out: Path
    """folder for table.csv, table.json, figure.png and figure.svg"""
    data: str = "digits"
    """digits, digits_shift, synthetic, a file or a folder, as for `jzsl data`"""
    features: str | None = None
    """xlsa17: the file of features, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""
    base: tuple[Base, ...] = ()
    """which methods to study; by default s2v and abp, or the generators where the study is about them"""
    hidden: int | None = None
    """nodes in the hidden layers of generators; by default their papers' numbers"""
    config: Path | None = None
    """a config whose method, epochs, self-training and scaling are studied instead"""
    epochs: int | None = None
    """epochs of each training (convergence 30, others 5)"""
    seeds: int = 5
    """number of seeds"""
    rounds: int | None = None
    """T, where a study self-trains (4)"""
    hard: float | None = None
    """K there, as a share of the unseen classes (0.8)"""
    scaling: Scaling | None = None
    """feature scaling (minmax)"""
    frequency: Path | None = None
    """human selection frequency, or any measured one in [0, 1], of every row of the data: a .npy file"""


def setting_of(options: StudyOptions, tell: Callable[[str], None]) -> Setting:
    """What the command line says, then the config, then the defaults."""
    question = options.name.value
    if options.hidden is not None:
        require_positive(options, "hidden")
    bases = {base.name: base.with_hidden(options.hidden) for base in options.base or question.bases}
    given = {"epochs": question.epochs, "rounds": 4, "hard": 0.8, "scaling": MinMax()}
    if options.config is not None:
        experiment = load_config(options.config)
        bases = {options.config.stem: experiment.method}
        given |= {"scaling": experiment.scaling}
        if experiment.train.epochs is not None:
            given |= {"epochs": experiment.train.epochs}
        if experiment.self_training is not None:
            given |= {"rounds": experiment.self_training.rounds, "hard": experiment.self_training.hard}
    given |= {name: getattr(options, name) for name in given if getattr(options, name) is not None}
    for name in ("epochs", "rounds", "hard"):
        if not given[name] > 0:
            raise InputError(f"{name}: {given[name]} found, expected a positive number")
    problem = locate(options.data, options.features, options.splits).load()
    frequency = None if options.frequency is None else _frequency(options.frequency, len(problem.samples))
    return Setting(problem, bases, seeds=options.seeds, tell=tell, frequency=frequency, **given)


def _frequency(path: Path, rows: int) -> np.ndarray:
    """One number in [0, 1] for each row."""
    found = read_entries(path)["features"] if path.suffix == ".npy" else np.zeros(0)
    if found.shape != (rows,) or not ((found >= 0) & (found <= 1)).all():
        raise InputError(f"{path}: shape {found.shape} found, expected a .npy file of {rows} numbers from 0 to 1")
    return np.asarray(found, np.float64)
