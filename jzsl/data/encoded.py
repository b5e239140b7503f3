"""A problem whose pictures are not decoded yet: what is known of it before hours are spent on decoding."""

from dataclasses import asdict, dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from jzsl.data.decoding import Encoded, Storage, decoded
from jzsl.data.formats.picture import Reading
from jzsl.errors import InputError
from jzsl.problem.extraction import Extraction
from jzsl.problem.problem import Problem, Provenance
from jzsl.problem.splits import Splits


@dataclass(frozen=True, eq=False)
class EncodedProblem:
    """The fields of a `Problem`, with pictures instead of its samples."""

    images: Encoded
    labels: np.ndarray
    semantics: np.ndarray | None
    class_names: tuple[str, ...]
    splits: Splits
    provenance: Provenance
    domains: np.ndarray | None = field(default=None, kw_only=True)
    domain_names: tuple[str, ...] = field(default=(), kw_only=True)

    def decoded(self, reading: Reading, storage: Storage) -> Problem:
        """The problem, with images uint8[n, h, w, c].

        Raises:
            InputError: naming every picture that cannot be decoded, or what is wrong with labels and splits, which is
                checked first.
            WriteError: if the pixels cannot be written where the storage wants them.
        """
        self.require_usable()
        try:
            samples = decoded(self.images, reading, storage)
        except InputError as error:
            raise InputError(f"{self.provenance.origin}: {error}", problems=error.problems) from error
        return self.problem(samples, reading)

    def require_usable(self) -> None:
        """Raises an InputError if labels, semantics or splits are wrong; decodes nothing."""
        self.problem(np.zeros((len(self.images.names), 1, 1, 1), np.uint8))

    def problem(self, samples: np.ndarray, reading: Reading | None = None) -> Problem:
        """The problem with these samples, which are of the pictures in their order; raises as `Problem` does."""
        provenance = self.provenance
        if reading is not None:
            notes = (*provenance.notes, f"pictures: {reading.words}")
            provenance = provenance._replace(notes=notes, extraction=Extraction(asdict(reading)))
        return Problem(
            samples,
            self.labels,
            self.semantics,
            self.class_names,
            self.splits,
            provenance,
            domains=self.domains,
            domain_names=self.domain_names,
        )


@runtime_checkable
class PictureSource(Protocol):
    """A source whose samples are pictures: a frozen dataclass with the fields `reading` and `storage`."""

    @property
    def reading(self) -> Reading: ...

    @property
    def storage(self) -> Storage: ...

    def encoded(self) -> EncodedProblem:
        """The problem before it is decoded; raises an InputError where files are missing or labels are wrong."""
        ...

    def load(self) -> Problem: ...


def size_of(source: PictureSource) -> str:
    """How large the pixels of a source get, and where they go; reads at most one picture.

    Raises:
        InputError: as `encoded` does, or naming a first picture that cannot be decoded.
    """
    images = source.encoded().images
    if not images.names:
        raise InputError("pictures: none found")
    height, width, channels = images.shape(source.reading)
    size, file = images.nbytes(source.reading), source.storage.file(images, source.reading)
    where = "in memory" if file is None else f"in the file {file}, which is mapped into memory"
    return f"{len(images.names)} pictures of {height} x {width} x {channels}: {size / 1e6:.1f} MB decoded, {where}"
