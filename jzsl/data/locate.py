"""From what a user types on the command line to the source that reads it."""

from pathlib import Path

from jzsl.data.arrays import Arrays
from jzsl.data.digits import Digits
from jzsl.data.digits_domains import DigitsDomains
from jzsl.data.digits_images import DigitImages
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.formats.mat import MatFile
from jzsl.data.image_bytes import ImageBytes, holds_pictures
from jzsl.data.image_folder import ImageFolder
from jzsl.data.omniglot import Omniglot, holds_omniglot
from jzsl.data.source import SourceConfig
from jzsl.data.synthetic import LinearGaussian
from jzsl.data.two_moons import TwoMoons
from jzsl.data.xlsa17 import Xlsa17
from jzsl.data.xlsa17_images import Xlsa17Images
from jzsl.errors import InputError


def locate(
    source: str, features: str | None = None, splits: str | None = None, images: Path | None = None
) -> SourceConfig:
    """The source for the name of an embedded one, a file of arrays or of pictures, or a folder of .npy files, of the
    xlsa17 layout, of Omniglot's zip files, or of class folders of pictures.

    Args:
        source: what the user typed.
        features: for an xlsa17 folder, the file of features without .mat; None: the one that holds features.
        splits: likewise the file of splits.
        images: for an xlsa17 folder, the folder of its pictures, which are then the samples.

    Raises:
        InputError: if there is no such source, or more than one file fits.
    """
    embedded = {
        "digits": Digits,
        "digits_images": DigitImages,
        "digits_shift": DigitsShift,
        "digits_domains": DigitsDomains,
        "digits_shift_images": DigitShiftImages,
        "synthetic": LinearGaussian,
        "two_moons": TwoMoons,
    }
    if source in embedded:
        return embedded[source]()
    path = Path(source)
    if path.is_dir() and any(path.glob("*.mat")):
        features = features or _find(path, "features" if images is None else "image_files", "res101", "--features")
        splits = splits or _find(path, "trainval_loc", "att_splits", "--splits")
        return Xlsa17(path, features, splits) if images is None else Xlsa17Images(path, images, features, splits)
    if images is not None:
        raise InputError(f"images: given, but {source} is no folder of the xlsa17 layout")
    if path.is_dir() and holds_omniglot(path):
        return Omniglot(path)
    if path.is_dir() and not any(path.glob("*.npy")) and any(part.is_dir() for part in path.iterdir()):
        return ImageFolder(path)
    if path.suffix.lower() == ".npz" and holds_pictures(path):
        return ImageBytes(path)
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
