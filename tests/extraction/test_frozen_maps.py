"""Maps of frozen blocks as samples: those of the network, of each domain by its own statistics."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.digits_domains import DigitsDomains
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.per_class import PerClass
from jzsl.errors import InputError
from jzsl.extraction.frozen_maps import FrozenMaps
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import AdaBN
from jzsl.nets.network import BatchNormPolicy, as_float
from jzsl.nets.part import FromBlock
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.splits import NONE
from jzsl.tasks.adaptation import Adaptation

SOURCE = PerClass(DigitShiftImages(), train=2, test=3)
MAPS = FrozenMaps(SOURCE, SmallCNN((4, 6)), "stage1")


def test_maps_are_those_of_the_network():
    images, problem = SOURCE.load(), MAPS.load()
    network = SmallCNN((4, 6)).build()
    some = as_float(images.samples[images.splits.train[:4]])
    variables = network.init(jax.random.key(0), some)
    expected, _ = network.run(variables, some, "stage1_block1", "stage1_block1", BatchNormPolicy.running, None)
    maps_of_first = problem.samples[images.splits.train[:4]]
    assert (maps_of_first.dtype, maps_of_first.shape) == (np.float16, (4, 8, 8, 4))
    np.testing.assert_allclose(maps_of_first, expected, rtol=1e-3, atol=1e-4)
    used = np.concatenate([images.splits.train, images.splits.test_seen])
    assert not problem.samples[np.setdiff1d(np.arange(len(images.samples)), used)].any()
    assert "stage1_block1" in problem.provenance.features
    network = FromBlock(SmallCNN((4, 6)), "stage2")
    method = ImageClassifier(network=network).build(Adaptation())
    assert method.takes_images


def test_each_domain_by_its_own_statistics():
    problem = replace(MAPS, adabn=AdaBN()).load()
    network = SmallCNN((4, 6)).build()
    variables = network.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    scale = variables["params"]["stage1_block1"]["norm"]["scale"]
    assert (np.asarray(scale) == 1).all()
    images = SOURCE.load()
    for split in (images.splits.train, images.splits.test_seen):
        expected, _ = network.run(
            variables, images.samples[split], "stage1_block1", "stage1_block1", BatchNormPolicy.train, None
        )
        np.testing.assert_allclose(problem.samples[split], expected, rtol=2e-3, atol=2e-3)


@dataclass(frozen=True)
class WithUnlabelled:
    """One training sample of each class, the others without labels."""

    def load(self):
        problem = SOURCE.load()
        train = problem.splits.train
        first = train[np.unique(problem.labels[train], return_index=True)[1]]
        splits = problem.splits._replace(
            train=first, validation_seen=NONE, validation_classes=NONE, unlabelled=np.setdiff1d(train, first)
        )
        return replace(problem, splits=splits)


def test_samples_without_labels_have_maps():
    maps, few = MAPS.load(), replace(MAPS, data=WithUnlabelled()).load()
    assert maps.samples[few.splits.unlabelled].any()
    np.testing.assert_allclose(few.samples, maps.samples, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("inside", [DigitsDomains(), PerClass(DigitsDomains(), train=2, test=2)])
def test_statistics_of_two_domains_need_a_target(inside):
    """Test samples of the training domains would be normalised by statistics of a random part of one domain."""
    with pytest.raises(InputError, match="digits_domains: target: none found, expected the domain of the test samples"):
        FrozenMaps(inside, SmallCNN((4,)), "stage1", AdaBN()).load()
    assert FrozenMaps(DigitsDomains("turned"), SmallCNN((4,)), "stage1", AdaBN()).load().domains is not None


@dataclass(frozen=True)
class WithoutTarget:
    """Images whose source may name a target, and names none."""

    target: str | None = None

    def load(self):
        return SOURCE.load()


def test_statistics_of_two_domains_need_a_target_where_no_domains_are_named():
    with pytest.raises(InputError, match="target: none found"):
        FrozenMaps(WithoutTarget(), SmallCNN((4,)), "stage1", AdaBN()).load()


@dataclass(frozen=True)
class Shared:
    """Images of two domains, each with training and test samples, whose source has no target to name."""

    def load(self):
        return PerClass(DigitsDomains(), train=2, test=2).load()


def test_statistics_of_two_domains_are_refused_where_test_samples_share_a_domain_with_training_samples():
    with pytest.raises(InputError, match="target: none found"):
        FrozenMaps(Shared(), SmallCNN((4,)), "stage1", AdaBN()).load()


def test_mistakes():
    with pytest.raises(InputError, match="last: 'stage8' found"):
        FrozenMaps(SOURCE, SmallCNN((4,)), "stage8").load()
    with pytest.raises(InputError, match="expected images"):
        FrozenMaps(DigitsShift(), SmallCNN((4,)), "stage1").load()
