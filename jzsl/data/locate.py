"""From what a user types on the command line to the source that reads it."""

from pathlib import Path

from jzsl.data.arrays import Arrays
from jzsl.data.digits import Digits
from jzsl.data.digits_images import DigitImages
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.formats.mat import MatFile
from jzsl.data.source import SourceConfig
from jzsl.data.synthetic import LinearGaussian
from jzsl.data.xlsa17 import Xlsa17
from jzsl.errors import InputError


def locate(source: str, features: str | None = None, splits: str | None = None) -> SourceConfig:
    """The source for the name of an embedded one, a file of arrays, a folder of .npy files or an xlsa17 folder.

    Args:
        source: what the user typed.
        features: for an xlsa17 folder, the file of features without .mat; None: the one that holds features.
        splits: likewise the file of splits.

    Raises:
        InputError: if there is no such source, or more than one file fits.
    """
    embedded = {
        "digits": Digits,
        "digits_images": DigitImages,
        "digits_shift": DigitsShift,
        "synthetic": LinearGaussian,
    }
    if source in embedded:
        return embedded[source]()
    path = Path(source)
    if path.is_dir() and any(path.glob("*.mat")):
        return Xlsa17(
            path,
            features or _find(path, "features", "res101", "--features"),
            splits or _find(path, "trainval_loc", "att_splits", "--splits"),
        )
    if path.exists():
        return Arrays(path)
    raise InputError(f"{source}: no such file or folder, and none of {', '.join(map(repr, embedded))}")


def _find(folder: Path, key: str, usual: str, option: str) -> str:
    """The .mat file that has `key`, the usual name first."""
    if (folder / f"{usual}.mat").exists():
        return usual
    names = [path.stem for path in sorted(folder.glob("*.mat")) if key in MatFile(path).keys]
    if len(names) == 1:
        return names[0]
    raise InputError(f"{folder}: {', '.join(names) or 'no file'} has {key}; name the file with {option}")
