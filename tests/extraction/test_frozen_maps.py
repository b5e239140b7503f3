"""Maps of frozen blocks as samples: those of the network, of each domain by its own statistics."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.clustered import Clustered
from jzsl.data.digits_domains import DigitsDomains
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.errors import InputError
from jzsl.extraction import adabn_depth, frozen_maps
from jzsl.extraction.adabn_depth import Depth, chosen, depths, images_to_choose_by, with_adabn
from jzsl.extraction.frozen_maps import FrozenMaps
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import STATISTICS, AdaBN
from jzsl.nets.network import BatchNormPolicy, as_float
from jzsl.nets.part import FromBlock
from jzsl.nets.pixels import Pixels
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
    problem = replace(MAPS, adabn=AdaBN(), adabn_last="stage1").load()
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


def test_blocks_after_the_last_with_adabn_keep_the_networks_statistics():
    network, images = SmallCNN((4, 6)).build(), SOURCE.load()
    maps = FrozenMaps(SOURCE, SmallCNN((4, 6)), "stage2", AdaBN(), "stage1").load().samples
    variables = network.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    for split in (images.splits.train, images.splits.test_seen):
        policy = {"stage1_block1": BatchNormPolicy.train, "stage2_block1": BatchNormPolicy.running}
        expected, _ = network.run(variables, images.samples[split], "stage1_block1", "stage2_block1", policy, None)
        np.testing.assert_allclose(maps[split], expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("share", "kept"), [(1.0, "stage3_block1"), (0.0, "stage1_block2")])
def test_adabn_goes_as_deep_as_held_out_training_images_lose_nothing(share, kept):
    """Of the features in this test the statistics of the second stage take the classes away."""
    labels = np.arange(40) % 4
    blocks = ("stage1_block1", "stage1_block2", "stage2_block1", "stage3_block1")
    running = {STATISTICS: {name: 1.0 for name in blocks}}
    own = {"stage1_block1": 0.9, "stage1_block2": 0.9, "stage2_block1": share, "stage3_block1": 1.0}
    noise = np.random.default_rng(0).normal(size=(40, 60))  # more features than images
    seen = []

    def features(variables):
        seen.append(dict(variables[STATISTICS]))
        return np.prod(list(variables[STATISTICS].values())) * 20 * np.eye(4, 60)[labels] + noise

    tried = depths(features, labels, running, own, blocks)
    assert chosen(tried) == kept
    ends = ["", "stage1_block2", "stage2_block1", "stage3_block1"]
    assert [depth.block for depth in tried] == (ends if share else ends[:3])
    assert seen[0] == running[STATISTICS]
    assert seen[1] == running[STATISTICS] | {"stage1_block1": 0.9, "stage1_block2": 0.9}
    assert tried[0].mean == 100
    assert (tried[2].mean == 100) == bool(share)


def test_losses_are_counted_from_the_accuracy_without_adabn(monkeypatch):
    accuracies = iter([(80.0, 1.0), (79.4, 1.0), (78.8, 1.0)])
    monkeypatch.setattr(adabn_depth, "_accuracy", lambda *_: next(accuracies))
    blocks = ("stem", "stage1_block1", "stage2_block1")
    tried = depths(lambda _: np.zeros((0, 1)), np.zeros(0, int), {STATISTICS: {}}, {}, blocks)
    assert [depth.block for depth in tried] == ["", "stem", "stage1_block1"]
    assert chosen(tried) == "stem"


def test_a_loss_within_a_standard_error_is_none():
    assert chosen([Depth("", 80.0, 1.0), Depth("stem", 79.5, 0.1), Depth("stage1", 78.9, 5.0)]) == "stem"
    assert chosen([Depth("", 80.0, 1.0), Depth("stem", 78.9, 0.1)]) == ""


def test_images_to_choose_by():
    labels = np.repeat([0, 1, 2], [700, 700, 4])
    some = images_to_choose_by(labels)
    assert 990 < len(some) <= 1000
    assert set(labels[some]) == {0, 1}
    assert len(set(some)) == len(some)
    assert not len(images_to_choose_by(np.repeat([0, 1], [700, 4])))
    assert set(images_to_choose_by(np.repeat([0, 1], 5))) == set(range(10))


@pytest.mark.parametrize(("count", "each"), [(345, 100), (1000, 20), (1000, 5)])
def test_some_of_many_classes_choose(count, each):
    """A random thousand of all images would have fewer than one for each fold of most classes."""
    labels = np.arange(count * each) % count
    some = images_to_choose_by(labels)
    counts = np.bincount(labels[some])
    assert 40 <= (counts > 0).sum() <= 50
    assert counts[counts > 0].min() >= 5
    assert len(some) > min(1000, 50 * each) - 50


def test_the_choice_and_its_accuracies_are_noted():
    source = PerClass(DigitShiftImages(), train=10, test=3)
    problem = FrozenMaps(source, SmallCNN((4, 6)), "stage2", AdaBN()).load()
    *_, which, why = problem.provenance.notes
    assert which.startswith(("AdaBN in the frozen blocks up to stage", "AdaBN in no frozen block"))
    assert "accuracy of held-out training images (%): none " in why
    assert "stage1_block1 " in why
    named = FrozenMaps(source, SmallCNN((4, 6)), "stage2", AdaBN(), "stage2").load()
    assert named.provenance.notes[-1].startswith("AdaBN in the frozen blocks up to stage2_block1")


@pytest.mark.parametrize("kept", ["", "stage1_block1", "stage2_block1"])
def test_maps_are_those_of_the_chosen_depth_which_training_images_choose(monkeypatch, kept):
    source, network = PerClass(DigitShiftImages(), train=10, test=3), SmallCNN((4, 6))
    images, given = source.load(), []

    def tried(*arguments):
        given.extend(arguments)
        return [Depth("", 80.0, 1.0)]

    monkeypatch.setattr(frozen_maps, "depths", tried)
    monkeypatch.setattr(frozen_maps, "chosen", lambda tried: kept)
    maps = FrozenMaps(source, network, "stage2", AdaBN()).load()
    expected = FrozenMaps(source, network, "stage2", AdaBN() if kept else None, kept or None).load()
    np.testing.assert_array_equal(maps.samples, expected.samples)
    features_of, labels, variables, statistics, blocks = given
    train = images.splits.train
    some = train[images_to_choose_by(images.labels[train])]
    np.testing.assert_array_equal(labels, images.labels[some])
    assert blocks == ("stage1_block1", "stage2_block1")
    unadapted = FrozenMaps(source, network, "stage2").load().samples[some]
    np.testing.assert_allclose(features_of(variables), unadapted.mean((1, 2), np.float32), rtol=1e-3, atol=1e-3)
    adapted = FrozenMaps(source, network, "stage2", AdaBN(), "stage2").load().samples[some]
    own = features_of(with_adabn(variables, statistics, blocks))
    np.testing.assert_allclose(own, adapted.mean((1, 2), np.float32), rtol=1e-3, atol=1e-3)


@dataclass(frozen=True)
class OtherLabels:
    """The problem in which test samples have other labels."""

    data: PerClass

    def load(self):
        problem = self.data.load()
        labels = problem.labels.copy()
        labels[problem.splits.test_seen] = labels[problem.splits.test_seen][::-1]
        return replace(problem, labels=labels)


def test_the_choice_reads_no_label_of_the_target():
    source = PerClass(DigitShiftImages(), train=10, test=3)
    first, second = (
        FrozenMaps(data, SmallCNN((4, 6)), "stage2", AdaBN()).load() for data in (source, OtherLabels(source))
    )
    assert first.provenance.notes == second.provenance.notes
    np.testing.assert_array_equal(first.samples, second.samples)


@pytest.mark.parametrize("hides", [lambda data: NewClasses(data, new=("5", "6")), Clustered])
def test_labels_that_a_source_takes_away_have_chosen_nothing(hides):
    source = PerClass(DigitShiftImages(), train=10, test=3)
    maps = FrozenMaps(source, SmallCNN((4, 6)), "stage1", AdaBN())
    with pytest.raises(InputError, match="adabn_last: None found, which chooses the last block"):
        hides(maps).load()
    for allowed in (replace(maps, adabn_last="stage1"), replace(maps, adabn=None)):
        assert len(hides(allowed).load().splits.unlabelled)


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
    assert FrozenMaps(DigitsDomains("turned"), SmallCNN((4,)), "stage1", AdaBN(), "stage1").load().domains is not None


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
    with pytest.raises(InputError, match="adabn_last: 'stage8' found"):
        FrozenMaps(SOURCE, SmallCNN((4,)), "stage1", AdaBN(), "stage8").load()
    with pytest.raises(InputError, match=r"expected two classes with 5 samples or more, .* name it by adabn_last"):
        FrozenMaps(SOURCE, SmallCNN((4,)), "stage1", AdaBN()).load()
    with pytest.raises(InputError, match="adabn_last: 'stage1' given, but adabn is None"):
        FrozenMaps(SOURCE, SmallCNN((4,)), "stage1", adabn_last="stage1")
    with pytest.raises(InputError, match="adabn: given, but the frozen blocks of Pixels have no batch normalisation"):
        FrozenMaps(SOURCE, Pixels(), "pixels", AdaBN()).load()
    with pytest.raises(InputError, match="expected images"):
        FrozenMaps(DigitsShift(), SmallCNN((4,)), "stage1").load()
