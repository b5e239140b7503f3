"""Config files: Python that exports an Experiment called CONFIG."""

import runpy
from pathlib import Path
from typing import Any

from jzsl.config import Experiment
from jzsl.errors import InputError


def load_config(path: Path) -> Experiment:
    """Runs a config file and returns its CONFIG; raises as `load_namespace` does."""
    return load_namespace(path)["CONFIG"]


def load_namespace(path: Path) -> dict[str, Any]:
    """Runs a config file and returns everything that it defines, an `Experiment` called CONFIG among it.

    Raises:
        InputError: if the file is missing, fails, or does not export an `Experiment` called CONFIG.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such config file")
    try:
        namespace = runpy.run_path(str(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        raise InputError(f"{path}: failed with {type(error).__name__}: {' '.join(str(error).split())}") from error
    if "CONFIG" not in namespace:
        raise InputError(f"{path}: exports no CONFIG; expected CONFIG = jzsl.config.Experiment(...)")
    config = namespace["CONFIG"]
    if not isinstance(config, Experiment):
        raise InputError(f"{path}: CONFIG is a {type(config).__name__}, expected a jzsl.config.Experiment")
    return namespace
