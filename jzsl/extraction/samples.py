"""Pictures as the samples that a trained model takes: read, and turned into features, as its own samples were."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from jzsl.data.decoding import Encoded, decoded
from jzsl.data.formats.arrays import read_entries
from jzsl.data.formats.picture import SUFFIXES, Reading
from jzsl.data.image_bytes import encoded_entries, holds_pictures
from jzsl.data.image_folder import encoded_files, pictures_in
from jzsl.errors import InputError
from jzsl.extraction.extract import batch_size, extracted
from jzsl.extraction.network import network_of, require_same
from jzsl.problem.extraction import Extraction
from jzsl.records import fits


def pictures_at(path: Path) -> Encoded | None:
    """The pictures in a folder, in an .npz of them, or the one in a file; None where a path leads to arrays.

    Raises:
        InputError: if a folder has neither.
    """
    if path.is_dir():
        return None if any(path.glob("*.npy")) else pictures_in(path)
    if path.suffix.lower() in SUFFIXES:
        return encoded_files(path.parent, (path.name,))
    if path.suffix.lower() == ".npz" and holds_pictures(path):
        return encoded_entries(path, read_entries(path))
    return None


def samples_of_pictures(
    images: Encoded, extraction: Extraction | None, weights: Path | None
) -> Shaped[np.ndarray, "n *s"]:
    """The samples that a model was trained on, from pictures: their pixels, or the features of the same network.

    Args:
        images: that are to be decoded.
        extraction: how the model's samples were made; None: not of pictures, as far as is known.
        weights: file of the network's weights; None: where the network has them from by default.

    Raises:
        InputError: if the samples were not made of pictures, or by a network with other weights or preprocessing; or
            naming every picture that cannot be decoded.
    """
    if extraction is None:
        raise InputError(
            "pictures found, but the model's samples were not made of pictures by `jzsl features`, nor read from files "
            "of pictures; expected an .npz, .h5, .npy or .mat of samples"
        )
    if extraction.network is None:
        if weights is not None:
            raise InputError("weights: given, but the model takes the pictures themselves")
        return decoded(images, _reading(extraction))
    network = network_of(extraction.network, weights)
    require_same(network, extraction)
    return np.concatenate(list(extracted(images, network, range(len(images.names)), batch_size(None))))


def _reading(extraction: Extraction) -> Reading:
    """The reading of a model of pixels; raises an InputError if its record is damaged."""
    kinds = {"size": int | None, "shorter": int | None, "interpolation": str, "colours": str}
    given = extraction.preprocessing
    if given.keys() != kinds.keys() or not all(fits(given[name], kind) for name, kind in kinds.items()):
        raise InputError(f"preprocessing: {given} found, expected {', '.join(kinds)}")
    for name, values in (("interpolation", ("bilinear", "bicubic")), ("colours", ("rgb", "grey"))):
        if given[name] not in values:
            raise InputError(f"preprocessing: {name}: {given[name]!r} found, expected {' or '.join(values)}")
    return Reading(**given)
