"""Images as the maps that frozen blocks of a network make of them: computed once for all epochs, rounds and seeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Num

from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.extraction.adabn_depth import FOLDS, chosen, depths, images_to_choose_by, with_adabn
from jzsl.nets.adabn import STATISTICS, AdaBN, target_statistics
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.nets.in_blocks import in_blocks
from jzsl.nets.network import BatchNormPolicy, Network, NetworkConfig, Variables, as_float
from jzsl.nets.part import block_named, part
from jzsl.problem.problem import Problem

HELD_OUT = "accuracy of held-out training images (%)"
LABELS_USED = "adabn_last: None found, which chooses the last block with AdaBN by labels of training samples"
_Computed = Callable[[Variables, Num[np.ndarray, "m h w c"]], Any]


@dataclass(frozen=True)
class FrozenMaps:
    """A source of images whose samples are maps of a network; its other blocks, `FromBlock`, learn from them.

    Images are not augmented. Maps of samples that are in no split are zeros. A model that was trained on maps
    classifies maps.
    """

    data: SourceConfig = DigitShiftImages()
    """of the images"""
    network: NetworkConfig = PretrainedEfficientNetLite0()
    """the whole one; a network without pre-trained weights is random, from seed 0"""
    last: str = "stage6"
    """the last frozen block, by how its name starts"""
    adabn: AdaBN | None = None
    """training samples and test samples normalised by statistics of their own, as they are of two domains; None: all by
    the network's running statistics"""
    adabn_last: str | None = None
    """the last block that `adabn` normalises, by how its name starts, such as stage6; None: chosen, the last one up to
    which held-out training images lose no accuracy"""

    def __post_init__(self):
        if self.adabn is None and self.adabn_last is not None:
            raise InputError(f"adabn_last: {self.adabn_last!r} given, but adabn is None; expected both or neither")

    def load(self) -> Problem:
        """The problem, with samples float16[n, h, w, e].

        Raises:
            InputError: as the source and the network do; if its samples are no images, there is no such block, `adabn`
                is given for data of one domain or a network without batch normalisation, or there are too few training
                samples to choose its last block by.
        """
        problem = self.data.load()
        if self.adabn is not None:
            self._require_target(problem)
        if problem.samples.ndim != 4:
            raise InputError(
                f"{problem.provenance.origin}: samples of shape {problem.sample_shape} found, expected images"
            )
        network = self.network.build()
        end = block_named(network, self.last, "last", last=True)
        frozen = part(network, network.blocks[: network.blocks.index(end) + 1])
        provenance = problem.provenance
        notes = [*provenance.notes, f"maps after block {end} of {type(self.network).__name__}, which is frozen"]
        if frozen.pretraining is not None:
            pretraining = frozen.pretraining()
            notes.append(f"pre-trained weights: {pretraining.network}, SHA-256 {pretraining.weights}")
            provenance = provenance._replace(backbone=pretraining.backbone)
        variables, computed = frozen.init(jax.random.key(0), as_float(problem.samples[:1])), _computed(frozen)
        adapted, of_adabn = self._adapted(problem, frozen, variables, computed)
        maps = self._maps(problem, frozen, variables, computed, adapted)
        provenance = provenance._replace(
            features=f"maps of {end}, of {provenance.features}",
            notes=(*notes, *of_adabn),
            extraction=None,
            labels_used=LABELS_USED if self.adabn is not None and self.adabn_last is None else provenance.labels_used,
        )
        return replace(problem, samples=maps, provenance=provenance, image=None)

    def _require_target(self, problem: Problem) -> None:
        """Raises an InputError unless the test samples are of another domain than the training samples."""
        splits, domains, source = problem.splits, problem.domains, self.data
        while (inner := getattr(source, "data", None)) is not None:
            source = inner
        test = np.concatenate([splits.test_seen, splits.test_unseen])
        shared = domains is not None and np.isin(domains[test], domains[splits.train]).any()
        if shared or getattr(source, "target", "") is None:
            raise InputError(
                f"{problem.provenance.origin}: target: none found, expected the domain of the test samples: adabn "
                "normalises them by statistics of their own; without domains give adabn None"
            )

    def _adapted(
        self, problem: Problem, frozen: Network, variables: Variables, computed: _Computed
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The blocks with AdaBN, and notes on it."""
        if self.adabn is None:
            return (), ()
        if STATISTICS not in variables:
            raise InputError(
                f"adabn: given, but the frozen blocks of {type(self.network).__name__} have no batch normalisation; "
                "expected None"
            )
        tried = ()
        if self.adabn_last is not None:
            last = block_named(frozen, self.adabn_last, "adabn_last", last=True)
        else:
            images, labels = problem.samples[problem.splits.train], problem.labels[problem.splits.train]
            some = images_to_choose_by(labels)
            if not len(some):
                raise InputError(
                    f"{problem.provenance.origin}: splits.train: expected two classes with {FOLDS} samples or more, "
                    "by which the last block with AdaBN is chosen; name it by adabn_last"
                )

            def features(variables: Variables) -> Float[np.ndarray, "m e"]:
                return np.asarray(computed(variables, images[some]), np.float32).mean((1, 2))

            statistics = _statistics(frozen, variables, images, self.adabn.images)
            tried = depths(features, labels[some], variables, statistics, frozen.blocks)
            last = chosen(tried)
        note = (
            f"AdaBN in the frozen blocks up to {last}, for all models alike: training samples and test samples by "
            "statistics of their own"
        )
        accuracies = ", ".join(map(str, tried))
        return (
            frozen.blocks[: frozen.blocks.index(last) + 1] if last else (),
            (note if last else "AdaBN in no frozen block", *([f"chosen by {HELD_OUT}: {accuracies}"] if tried else [])),
        )

    def _maps(
        self, problem: Problem, frozen: Network, variables: Variables, computed: _Computed, adapted: tuple[str, ...]
    ) -> Float[np.ndarray, "n h w e"]:
        splits, images = problem.splits, problem.samples
        test = np.concatenate([splits.test_seen, splits.test_unseen])
        groups = (splits.train, test) if adapted else (np.concatenate([splits.train, test]),)
        maps = None
        for group in (*groups, splits.unlabelled):
            if not len(group):
                continue
            of_group = variables
            if self.adabn is not None and adapted:
                statistics = _statistics(frozen, variables, images[group], self.adabn.images)
                of_group = with_adabn(variables, statistics, adapted)
            made = np.asarray(computed(of_group, images[group]))
            maps = np.zeros((len(images), *made.shape[1:]), np.float16) if maps is None else maps
            maps[group] = made
        assert maps is not None  # no problem is without training and unlabelled samples
        return maps


def _computed(frozen: Network) -> _Computed:
    """The compiled function of variables and images to maps, by the running statistics."""

    def maps(variables, images):
        def of_block(some):
            return frozen.apply(variables, some, BatchNormPolicy.running, None)[0].maps.astype(jnp.float16)

        return in_blocks(of_block, images)

    return jax.jit(maps)


def _statistics(frozen: Network, variables: Variables, images: Num[np.ndarray, "m h w c"], size: int) -> Variables:
    every = np.ones(len(images), bool)
    return jax.jit(lambda v, x, member: target_statistics(frozen, v, x, member, size))(variables, images, every)
