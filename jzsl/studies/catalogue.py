"""The studies that `jzsl study` knows: every module of this folder that exports STUDY, and any file that does."""

import importlib
import pkgutil
import runpy
from pathlib import Path

import jzsl.studies
from jzsl.errors import InputError
from jzsl.studies.study import Study


def studies() -> dict[str, Study]:
    """Those of this folder, by their names on the command line: a module's name with dashes."""
    modules = sorted(module.name for module in pkgutil.iter_modules(jzsl.studies.__path__))
    exported = {name: getattr(importlib.import_module(f"jzsl.studies.{name}"), "STUDY", None) for name in modules}
    return {name.replace("_", "-"): study for name, study in exported.items() if isinstance(study, Study)}


def study_named(name: str) -> tuple[str, Study]:
    """A study and its short name.

    Args:
        name: of a module of this folder, with dashes or underscores, or a Python file that exports STUDY.

    Raises:
        InputError: if there is none, or the file fails.
    """
    if name.endswith(".py"):
        return Path(name).stem, _of_file(Path(name))
    known = studies()
    if name.replace("_", "-") not in known:
        raise InputError(f"{name}: no such study, expected a Python file that exports STUDY, or {', '.join(known)}")
    return name.replace("-", "_"), known[name.replace("_", "-")]


def _of_file(path: Path) -> Study:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        study = runpy.run_path(str(path)).get("STUDY")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        raise InputError(f"{path}: failed with {type(error).__name__}: {' '.join(str(error).split())}") from error
    if not isinstance(study, Study):
        kind = "nothing" if study is None else type(study).__name__
        raise InputError(f"{path}: STUDY: {kind} found, expected STUDY = jzsl.studies.study.Study(...)")
    return study
