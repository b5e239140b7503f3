"""What makes the arrays of a problem unusable, what makes its results doubtful, and whether new samples fit a model."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from jzsl.errors import InputError
from jzsl.types import UNLABELLED

_BLOCK_BYTES = 64_000_000
_FEWEST_STEPS = 1000
"""A problem warns where a feature's range holds fewer float32 numbers: ten of its 24 binary digits are then left."""
_TINY = np.finfo(np.float32).tiny


def blocks(count: int, sample_bytes: int) -> Iterator[slice]:
    """Slices of some megabytes over `count` samples: these may be memory-mapped and more than memory holds."""
    size = max(1, _BLOCK_BYTES // max(1, sample_bytes))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def sample_errors(
    samples: np.ndarray, observed: np.ndarray | None, image: tuple[int, int] | None = None
) -> Iterator[str]:
    """Samples are float[n, *s] whose observed entries are finite as float32, or images uint8[n, h, w, c]."""
    if samples.dtype == np.uint8:
        if samples.ndim != 4 or not samples.size:
            yield f"images: shape {samples.shape}, expected (samples, height, width, channels)"
        if observed is not None:
            yield "observed: given, but samples are images, of which every entry is observed"
    elif samples.ndim < 2 or not samples.size or not np.issubdtype(samples.dtype, np.floating):
        yield (
            f"features: {samples.dtype} array of shape {samples.shape}, "
            "expected a floating-point vector per sample, or uint8 images"
        )
        return
    elif observed is not None and (observed.shape != samples.shape or observed.dtype != bool):
        yield f"observed: {observed.dtype} array of shape {observed.shape}, expected bool of shape {samples.shape}"
    else:
        yield from _not_finite(samples, observed)
    if image is not None and (samples.ndim != 2 or image[0] * image[1] != samples.shape[1]):
        yield f"image: {image} found, but a sample has shape {samples.shape[1:]}"


def class_errors(names: tuple[str, ...], semantics: np.ndarray | None, labels: np.ndarray) -> Iterator[str]:
    """Class names differ, and there is one per row of the semantics, where there are any; without any label there need
    be no class."""
    if semantics is not None and semantics.ndim and len(semantics) != len(names):
        yield f"class_names: {len(names)} names for {len(semantics)} classes"
    elif not names and (labels != UNLABELLED).any():
        yield "class_names: none"
    elif names:
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            yield f"class_names: {name!r} occurs {times} times, expected different names"


def label_errors(labels: np.ndarray, count: int, classes: int) -> Iterator[str]:
    """One label per sample, an index into the class table or UNLABELLED."""
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        yield f"labels: {labels.dtype} array of shape {labels.shape}, expected {count} integers"
    elif len(labels) != count:
        yield f"labels: {len(labels)} labels for {count} samples"
    else:
        outside = np.flatnonzero((labels != UNLABELLED) & ((labels < 0) | (labels >= classes)))
        if len(outside):
            yield f"labels: sample {outside[0]} has label {labels[outside[0]]}, expected 0 to {classes - 1}"


def semantics_errors(semantics: np.ndarray | None, names: tuple[str, ...], clusters: int = 0) -> Iterator[str]:
    """Semantics are float[c, a] whose rows are finite and not all zero as float32; clusters to be discovered have
    none."""
    if semantics is None:
        return
    if clusters:
        yield f"semantics: given, but {clusters} classes are clusters to be discovered, which have none"
    if semantics.ndim != 2 or not semantics.size or not np.issubdtype(semantics.dtype, np.floating):
        yield f"semantics: {semantics.dtype} array of shape {semantics.shape}, expected a floating-point row per class"
        return
    with np.errstate(over="ignore"):
        narrow = semantics.astype(np.float32)
    zero = np.all(np.abs(narrow) < _TINY, 1)  # compiled programs flush what is smaller to zero
    bad = np.flatnonzero(~np.isfinite(narrow).all(1) | zero)
    if len(bad) and len(semantics) == len(names):
        kind = "all zeros" if zero[bad[0]] else "not finite"
        as_given = not semantics[bad[0]].any() or not np.isfinite(semantics[bad[0]]).all()
        yield (
            f"semantics: class {names[bad[0]]!r} has no usable semantics ({kind}{'' if as_given else ' in float32'})"
        )


def attribute_errors(semantics: np.ndarray | None, names: tuple[str, ...]) -> Iterator[str]:
    """There are no names of attributes, or one for each semantic dimension."""
    count = semantics.shape[1] if semantics is not None and semantics.ndim == 2 else 0
    if names and len(names) != count:
        yield f"attributes: {len(names)} names found, expected {count}, one per semantic dimension"


def cluster_errors(clusters: int, labels: np.ndarray, names: tuple[str, ...], unlabelled: int) -> Iterator[str]:
    """The last classes are clusters to be discovered in `unlabelled` samples: none of them has a sample, and where
    samples have labels other classes come before them."""
    if not clusters:
        return
    most = len(names) - int((labels != UNLABELLED).any())
    if not 0 < clusters <= most:
        yield f"clusters: {clusters} found among {len(names)} classes, expected 1 to {most} of them"
        return
    member = np.flatnonzero(labels >= len(names) - clusters)
    if len(member):
        name = names[labels[member[0]]]
        yield f"labels: sample {member[0]} belongs to the cluster {name!r}, expected a class that is no cluster"
    if not unlabelled:
        yield f"splits.unlabelled: no samples, but {clusters} clusters are to be discovered in them"


def domain_errors(domains: np.ndarray | None, names: tuple[str, ...], count: int) -> Iterator[str]:
    """Domains are int[n], indices into different names."""
    if domains is None:
        if names:
            yield f"domain_names: {len(names)} names, but no domains"
        return
    if domains.shape != (count,) or not np.issubdtype(domains.dtype, np.integer):
        yield f"domains: {domains.dtype} array of shape {domains.shape}, expected {count} integers"
        return
    outside = np.flatnonzero((domains < 0) | (domains >= len(names)))
    if len(outside):
        yield f"domains: sample {outside[0]} has domain {domains[outside[0]]}, expected 0 to {len(names) - 1}"
    if len(set(names)) < len(names):
        yield "domain_names: expected different names"


def empty_classes(labels: np.ndarray, names: tuple[str, ...]) -> Iterator[str]:
    """A warning where classes have no samples: they are distractors, or labels are off."""
    empty = np.flatnonzero(np.bincount(labels[labels != UNLABELLED], minlength=len(names)) == 0)
    if len(empty):
        more = f" and {len(empty) - 1} more have" if len(empty) > 1 else " has"
        yield f"labels: class {names[empty[0]]!r}{more} no samples"


def empty_semantics(semantics: np.ndarray | None, unseen: int) -> Iterator[str]:
    """A warning where class semantics have one dimension per class: they say nothing about unseen classes."""
    if unseen and semantics is not None and np.array_equal(semantics, np.eye(*semantics.shape)):
        yield "semantics: one dimension per class, which says nothing about unseen classes; expected descriptions"


def lost_digits(samples: np.ndarray, observed: np.ndarray | None) -> Iterator[str]:
    """A warning where a feature's offset is so large that float32 has few numbers between its least and its greatest
    value."""
    if not np.issubdtype(samples.dtype, np.floating):
        return
    low = np.full(samples.shape[1:], np.nan)
    high = low.copy()
    for block in blocks(len(samples), samples[:1].nbytes):
        part = np.asarray(samples[block], np.float64)
        if observed is not None:
            part = np.where(observed[block], part, np.nan)
        low, high = np.fmin(low, np.fmin.reduce(part, 0)), np.fmax(high, np.fmax.reduce(part, 0))
    step = np.spacing(np.fmax(np.abs(low), np.abs(high)).astype(np.float32)).astype(np.float64)
    lost = np.argwhere((high > low) & (high - low < _FEWEST_STEPS * step))
    if len(lost):
        first = tuple(lost[0])
        more = f" ({len(lost) - 1} more features likewise)" if len(lost) > 1 else ""
        yield (
            f"features: feature {_entry(lost[0])} runs from {low[first]:.9g} to {high[first]:.9g}, where neighbouring "
            f"float32 numbers are {step[first]:.3g} apart; subtract its offset in float64 first{more}"
        )


def require_samples(samples: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises an InputError unless these are samples for a model.

    Args:
        samples: new ones, along the first axis.
        shape: of one sample.
        dtype: uint8 where the model takes images; else the samples must be finite as float32.
    """
    if dtype == np.uint8:
        if samples.dtype != np.uint8:
            raise InputError(f"images: {samples.dtype} found, expected uint8")
    elif not (np.issubdtype(samples.dtype, np.floating) or np.issubdtype(samples.dtype, np.integer)):
        raise InputError(f"features: {samples.dtype} found, expected real numbers")
    if samples.ndim != len(shape) + 1 or samples.shape[1:] != shape:
        expected = f"samples of {shape[0]} features" if len(shape) == 1 else f"samples of shape {shape}"
        raise InputError(f"features: shape {samples.shape} found, expected {expected}")
    if dtype != np.uint8:
        for message in _not_finite(samples, None):
            raise InputError(message)


def _not_finite(samples: np.ndarray, observed: np.ndarray | None) -> Iterator[str]:
    """The first observed entry that is no finite float32."""
    for block in blocks(len(samples), samples[:1].nbytes):
        with np.errstate(over="ignore"):
            finite = np.isfinite(np.asarray(samples[block], np.float32))
        if observed is not None:
            finite |= ~observed[block]
        if not finite.all():
            position = np.argwhere(~finite)[0]
            value = samples[block][tuple(position)]
            what = "beyond the range of float32" if np.isfinite(value) else "expected a finite number"
            yield f"features: sample {block.start + position[0]}, feature {_entry(position[1:])} is {value}, {what}"
            return


def _entry(index: np.ndarray) -> str:
    """The position in a sample: a number, or a tuple where samples have several axes."""
    return str(int(index[0])) if len(index) == 1 else str(tuple(int(number) for number in index))
