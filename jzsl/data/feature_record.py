"""What `jzsl features` records beside the features that it made: FEATURES.extraction.json, next to FEATURES.mat."""

import json
from pathlib import Path
from typing import NamedTuple

from jzsl.errors import InputError, writing
from jzsl.problem.extraction import Extraction, extraction_of
from jzsl.problem.problem import Backbone
from jzsl.records import read_record

_WHAT = "the record of features"


class FeatureRecord(NamedTuple):
    """How features were made.

    Attributes:
        extraction: network, weights and preprocessing.
        samples, dimensions: shape of the features.
        backbone: whether the network was trained on the unseen classes.
        source: what the pictures were.
        versions: of the packages that made them.
    """

    extraction: Extraction
    samples: int
    dimensions: int
    backbone: Backbone
    source: str
    versions: dict[str, str]

    def write(self, path: Path) -> None:
        """Writes the file at once; raises a WriteError if that is not possible."""
        content = {**self._asdict(), "extraction": self.extraction.record(), "backbone": self.backbone.name}
        temporary = path.with_name(f".{path.name}.new")
        with writing(path):
            temporary.write_text(json.dumps(content, indent=2))
            temporary.replace(path)


def record_path(features: Path) -> Path:
    """Of the record beside a file of features."""
    return features.with_name(f"{features.stem}.extraction.json")


def read_feature_record(path: Path, shape: tuple[int, int]) -> FeatureRecord | None:
    """The record beside features of this shape; None where there is none.

    Raises:
        InputError: if it is damaged, or of other features.
    """
    if not path.exists():
        return None
    kinds = {"extraction": dict, "samples": int, "dimensions": int, "backbone": str, "source": str,
             "versions": dict[str, str]}  # fmt: skip
    content = read_record(path, kinds, _WHAT)
    if (content["samples"], content["dimensions"]) != shape:
        raise InputError(
            f"{path}: {content['samples']} samples of {content['dimensions']} features found, "
            f"expected {shape[0]} of {shape[1]} as in the file of features beside it"
        )
    if content["backbone"] not in Backbone.__members__:
        raise InputError(f"{path}: not {_WHAT} (backbone: {content['backbone']!r} found)")
    extraction = extraction_of(content["extraction"], f"{path}: not {_WHAT}")
    assert extraction is not None
    return FeatureRecord(**{**{name: content[name] for name in kinds}, "extraction": extraction,
                            "backbone": Backbone[content["backbone"]]})  # fmt: skip
