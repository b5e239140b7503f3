"""Problem: a data set with its splits, class semantics and provenance, checked when it is made."""

import enum
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jzsl.errors import InputError
from jzsl.problem.checks import (
    attribute_errors,
    blocks,
    class_errors,
    cluster_errors,
    domain_errors,
    empty_classes,
    empty_semantics,
    label_errors,
    lost_digits,
    sample_errors,
    semantics_errors,
)
from jzsl.problem.extraction import Extraction
from jzsl.problem.splits import NONE, Splits, split_errors
from jzsl.types import UNLABELLED


class Backbone(enum.Enum):
    """Whether the network that made the features was trained on the unseen classes; results record it."""

    unstated = "what the features' network had seen is not stated"
    none = "no network made the features"
    disjoint = "the features' network never saw the unseen classes"
    overlapping = "the features' network was trained on unseen classes, too"


class Provenance(NamedTuple):
    """Where a problem comes from: names for tables, the files read, choices that the source made, whether the
    features' network was trained on the unseen classes, how the samples were made of pictures, where they were, the
    names of the semantic dimensions, where they have some, how the number of clusters came about, and what of the
    samples labels of training samples have chosen."""

    name: str
    features: str
    semantics: str
    origin: str
    notes: tuple[str, ...] = ()
    backbone: Backbone = Backbone.unstated
    extraction: Extraction | None = None
    attributes: tuple[str, ...] = ()
    clusters: str = "given"
    labels_used: str = ""


@dataclass(frozen=True, eq=False)
class Problem:
    """A data set with its splits.

    Attributes:
        samples: float[n, *s], usually feature vectors float[n, d], or images uint8[n, h, w, c].
        labels: int[n], index into the class table; UNLABELLED (-1) is allowed for samples of `splits.unlabelled`.
        semantics: float[c, a], one row per class: attributes or an embedding of its description. None: there are none.
        class_names: c different names. A class without any sample is a distractor.
        splits: see `Splits`.
        provenance: see `Provenance`.
        observed: bool[n, *s] or None: which entries of floating-point `samples` were observed.
        image: height and width, where the features are the pixels of an image, or None.
        domains: int[n] or None: index of each sample's domain.
        domain_names: one name per domain.
        clusters: how many of the last classes are clusters to be discovered: names for groups of unlabelled samples,
            whose true classes, where they are known, are others of the table.

    Raises:
        InputError: naming the field, what was found and what was expected.
    """

    samples: np.ndarray
    labels: np.ndarray
    semantics: np.ndarray | None
    class_names: tuple[str, ...]
    splits: Splits
    provenance: Provenance
    observed: np.ndarray | None = None
    image: tuple[int, int] | None = None
    domains: np.ndarray | None = field(default=None, kw_only=True)
    domain_names: tuple[str, ...] = field(default=(), kw_only=True)
    clusters: int = field(default=0, kw_only=True)

    def __post_init__(self):
        errors = list(self._errors())
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise InputError(f"{self.provenance.origin}: {errors[0]}{more}", problems=errors)

    def _errors(self) -> Iterator[str]:
        """Everything that makes the problem unusable, one sentence each, gravest first."""
        count = len(self.samples) if self.samples.ndim else 0
        structural = [
            *sample_errors(self.samples, self.observed, self.image),
            *class_errors(self.class_names, self.semantics, self.labels),
            *label_errors(self.labels, count, len(self.class_names)),
            *semantics_errors(self.semantics, self.class_names, self.clusters),
            *attribute_errors(self.semantics, self.provenance.attributes),
            *domain_errors(self.domains, self.domain_names, count),
        ]
        yield from structural or [
            *split_errors(self.splits, self.labels, self.class_names),
            *cluster_errors(self.clusters, self.labels, self.class_names, len(self.splits.unlabelled)),
        ]

    @property
    def seen_classes(self) -> np.ndarray:
        return np.unique(self.labels[self.splits.train])

    @property
    def unseen_classes(self) -> np.ndarray:
        return np.unique(self.labels[self.splits.test_unseen])

    @property
    def cluster_classes(self) -> np.ndarray:
        """The classes that are clusters to be discovered."""
        count = len(self.class_names)
        return np.arange(count - self.clusters, count)

    @property
    def new_samples(self) -> np.ndarray:
        """Indices of the unlabelled samples whose class is known to be none of the seen ones; for evaluation only."""
        unlabelled = self.splits.unlabelled
        return unlabelled[~np.isin(self.labels[unlabelled], [UNLABELLED, *self.seen_classes])]

    @property
    def unknown_samples(self) -> np.ndarray:
        """Indices of the unlabelled samples whose class is not known."""
        return self.splits.unlabelled[self.labels[self.splits.unlabelled] == UNLABELLED]

    @property
    def required_semantics(self) -> np.ndarray:
        """float[c, a], for what works with semantics only; raises an InputError where there are none."""
        if self.semantics is None:
            raise InputError(f"{self.provenance.origin}: semantics: none, but a vector per class is needed here")
        return self.semantics

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.samples.shape[1:]

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What makes results doubtful but not impossible, one sentence each. Reads all samples."""
        return (
            *empty_classes(self.labels, self.class_names[: len(self.class_names) - self.clusters]),
            *empty_semantics(self.semantics, len(self.splits.test_unseen)),
            *lost_digits(self.samples, self.observed),
        )

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything but the provenance, the first 16 hexadecimal digits."""
        digest = hashlib.sha256()

        def add(array: np.ndarray) -> None:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            for block in blocks(len(array), array[:1].nbytes):
                digest.update(np.ascontiguousarray(array[block]).tobytes())

        add(self.samples)
        add(self.labels)
        if self.semantics is not None:
            add(self.semantics)
        for name, index in self.splits._asdict().items():
            if name != "unlabelled":
                add(index)
        if self.observed is not None:
            add(self.observed)
        digest.update("\0".join(self.class_names).encode())
        # What most problems lack is added last, under its name, so that their hashes are those of earlier versions.
        if len(self.splits.unlabelled):
            digest.update(b"\0\0unlabelled")
            add(self.splits.unlabelled)
        if self.domains is not None:
            digest.update(b"\0\0domains")
            add(self.domains)
            digest.update("\0".join(self.domain_names).encode())
        if self.clusters:
            digest.update(f"\0\0clusters {self.clusters}".encode())
        return digest.hexdigest()[:16]

    def validation(self) -> "Problem":
        """The problem on which settings are chosen: its unseen classes are the validation classes.

        All its samples are training samples of this one, so no test sample takes part (protocol, rule 3).

        Raises:
            InputError: if there are fewer than two validation classes: with a single one every prediction is right.
        """
        splits = self.splits
        count = len(splits.validation_classes)
        if count < 2:
            available = "one, on which every accuracy is 100 %" if count else "none"
            raise InputError(
                f"{self.provenance.origin}: validation_classes: {available}, so no setting can be chosen on them; "
                "expected at least two"
            )
        return self._without(splits.validation_classes, splits.validation_seen, "validation classes")

    def validation_folds(self, count: int) -> list["Problem"]:
        """`count` problems on which settings are compared together: each seen class is unseen in one of them.

        The classes are divided in a fixed random order. One set of validation classes is a small sample of classes,
        on which the ranking of settings is largely chance. One fold is `validation`.

        Raises:
            InputError: if some fold would have fewer than two classes, or leave none to train on.
        """
        if count == 1:
            return [self.validation()]
        seen = self.seen_classes
        if not 2 <= count <= len(seen) // 2:
            raise InputError(
                f"folds: {count} found, expected 1 to {max(1, len(seen) // 2)}: "
                f"each needs two of the {len(seen)} seen classes"
            )
        order = np.random.default_rng(0).permutation(seen)
        return [
            self._without(np.sort(order[fold::count]), NONE, f"fold {fold + 1} of {count} of the seen classes")
            for fold in range(count)
        ]

    def validation_draws(self, count: int, share: float = 0.25) -> list["Problem"]:
        """`count` problems in each of which other seen classes, drawn at random, are unseen; draw i is always the same.

        Their means say how settings compare on classes in general, which no single set of classes does. All have as
        many training and unseen samples as the smallest of them, chosen at random, so that one program serves all.

        Args:
            count: number of draws.
            share: of the seen classes that are unseen in a draw; at least two are, and two are left.

        Raises:
            InputError: if there are fewer than four seen classes.
        """
        seen = self.seen_classes
        if len(seen) < 4:
            raise InputError(
                f"{self.provenance.origin}: {len(seen)} seen classes found, expected at least 4 to draw from"
            )
        classes = min(max(2, round(share * len(seen))), len(seen) - 2)
        generators = [np.random.default_rng((0, number)) for number in range(count)]
        drawn = [
            self._without(np.sort(generator.choice(seen, classes, replace=False)), NONE, f"draw {number + 1}")
            for number, generator in enumerate(generators)
        ]
        sizes = {name: min(len(getattr(one.splits, name)) for one in drawn) for name in ("train", "test_unseen")}

        def cut(generator: np.random.Generator, one: "Problem") -> "Problem":
            kept = {
                name: np.sort(generator.permutation(getattr(one.splits, name))[:size]) for name, size in sizes.items()
            }
            return replace(one, splits=one.splits._replace(**kept))

        return [cut(generator, one) for generator, one in zip(generators, drawn, strict=True)]

    def _without(self, classes: np.ndarray, test_seen: np.ndarray, name: str) -> "Problem":
        """Some seen classes as unseen ones, some training samples of the others held out."""
        train = self.splits.train
        unseen = train[np.isin(self.labels[train], classes)]
        rest = np.setdiff1d(train, np.concatenate([unseen, test_seen]))
        return replace(
            self,
            splits=Splits(rest, test_seen, unseen, NONE, NONE, self.splits.unlabelled),
            provenance=self.provenance._replace(name=f"{self.provenance.name} ({name})"),
        )
