"""Images as the maps that frozen blocks of a network make of them: computed once for all epochs, rounds and seeds."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Num

from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.nets.adabn import STATISTICS, AdaBN, target_statistics
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.nets.in_blocks import in_blocks
from jzsl.nets.network import BatchNormPolicy, Network, NetworkConfig, as_float
from jzsl.nets.part import block_named, part
from jzsl.problem.problem import Problem


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

    def load(self) -> Problem:
        """The problem, with samples float16[n, h, w, e].

        Raises:
            InputError: as the source and the network do; if its samples are no images, there is no such block, or
                `adabn` is given for data of one domain.
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
        if self.adabn is not None:
            notes.append(
                "AdaBN in the frozen blocks, for all models alike: training samples and test samples by statistics of "
                "their own"
            )
        provenance = provenance._replace(
            features=f"maps of {end}, of {provenance.features}", notes=tuple(notes), extraction=None
        )
        return replace(problem, samples=self._maps(problem, frozen), provenance=provenance, image=None)

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

    def _maps(self, problem: Problem, frozen: Network) -> Float[np.ndarray, "n h w e"]:
        splits, images = problem.splits, problem.samples
        variables = frozen.init(jax.random.key(0), as_float(images[:1]))
        test = np.concatenate([splits.test_seen, splits.test_unseen])
        groups = (splits.train, test) if self.adabn is not None else (np.concatenate([splits.train, test]),)
        maps = None
        for group in (*groups, splits.unlabelled):
            if not len(group):
                continue
            part_of = images[group]
            of_group = variables
            if self.adabn is not None:
                every = np.ones(len(group), bool)
                of_group = {**variables, STATISTICS: _statistics(frozen, variables, part_of, every, self.adabn.images)}
            made = np.asarray(_computed(frozen, of_group, part_of))
            maps = np.zeros((len(images), *made.shape[1:]), np.float16) if maps is None else maps
            maps[group] = made
        assert maps is not None  # no problem is without training and unlabelled samples
        return maps


def _computed(frozen: Network, variables: Any, images: Num[np.ndarray, "m h w c"]) -> Any:
    """The maps of images by the running statistics."""

    def maps(variables, images):
        def of_block(some):
            return frozen.apply(variables, some, BatchNormPolicy.running, None)[0].maps.astype(jnp.float16)

        return in_blocks(of_block, images)

    return jax.jit(maps)(variables, images)


def _statistics(
    frozen: Network, variables: Any, images: Num[np.ndarray, "m h w c"], every: Bool[np.ndarray, " m"], size: int
) -> Any:
    return jax.jit(lambda v, x, member: target_statistics(frozen, v, x, member, size))(variables, images, every)
