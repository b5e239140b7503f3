"""An image classifier with AdaBN: which samples are the target domain, and when its statistics are estimated."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.config import Experiment, Train
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.per_class import PerClass
from jzsl.driver.plan import plan_of
from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import STATISTICS, AdaBN, target_statistics
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import StudySetup
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.cutmix import CutMix
from jzsl.training.augment.mixup import MixUp
from jzsl.training.optimizers.sgd import SGD
from jzsl.types import UNLABELLED, ClassTable, Pool

CLASSES = ClassTable(None, jnp.ones(2, bool))
NETWORK = SmallCNN((4, 6))
TARGET = np.arange(12) >= 6
FROZEN = ImageClassifier(NETWORK, learned=("stage2",), adabn=AdaBN(), batch_size=12, optimizer=SGD(1e-6, l2=0.0))
"""The first block is normalised by running statistics in training, too."""
METHOD = FROZEN.build(Adaptation())
FIT = jax.jit(METHOD.fit)


@pytest.fixture
def pool(random) -> Pool:
    """Six dark images with labels, six bright ones without."""
    x = random.integers(0, 60, (12, 6, 6, 1)) + 150 * TARGET[:, None, None, None]
    return Pool(x.astype(np.uint8), np.where(TARGET, UNLABELLED, np.arange(12) % 2).astype(np.int32), np.ones(12, int))


def started(pool):
    return METHOD.init(jax.random.key(0), pool, CLASSES)


def first_block(statistics):
    return np.concatenate([statistics["stage1_block1"]["norm"][name] for name in ("mean", "var")])


def test_absent_samples_are_in_no_domain(pool):
    """Padding has no label either; a pool with some has the statistics of the pool without."""
    more = np.arange(16) % 12
    padded = Pool(
        pool.x[more], np.where(np.arange(16) < 12, pool.y[more], UNLABELLED), (np.arange(16) < 12).astype(int)
    )
    state = started(padded)
    np.testing.assert_array_equal(state.target.samples.values, np.append(TARGET, [False] * 4))
    one, two = (METHOD.predictor(started(each), each, CLASSES, jnp.zeros(0, int)) for each in (pool, padded))
    np.testing.assert_allclose(
        first_block(one.variables[STATISTICS]), first_block(two.variables[STATISTICS]), rtol=1e-5
    )


def test_statistics_of_frozen_blocks_are_the_targets_from_the_first_epoch_on(pool):
    """Before it they are those of a new network; then they stay, and those of blocks that learn follow minibatches."""
    start = started(pool)
    pseudo = pool._replace(y=(np.arange(12) % 2).astype(np.int32))
    state, _ = FIT(start, pseudo, CLASSES, 1, 2)
    expected = target_statistics(NETWORK.build(), start.variables, pool.x, jnp.asarray(TARGET), 256)
    np.testing.assert_allclose(first_block(state.target.statistics), first_block(expected), rtol=1e-4)
    after, _ = FIT(state, pseudo, CLASSES, 1, 2)
    np.testing.assert_array_equal(first_block(after.target.statistics), first_block(state.target.statistics))
    moved = 0.9 * state.target.statistics["stage2_block1"]["norm"]["var"]
    moved += 0.1 * 54 / 53 * expected["stage2_block1"]["norm"]["var"]  # six images, 3 x 3 pixels
    np.testing.assert_allclose(after.target.statistics["stage2_block1"]["norm"]["var"], moved, rtol=3e-4)
    np.testing.assert_array_equal(first_block(after.variables[STATISTICS]), first_block(start.variables[STATISTICS]))


def test_training_normalises_each_domain_by_itself(pool):
    """The loss of one minibatch of both domains is the mean of those of each domain as a network of its own."""
    start, pseudo = started(pool), pool._replace(y=(np.arange(12) % 2).astype(np.int32))
    _, metrics = FIT(start, pseudo, CLASSES, 1, 2)
    network, variables, losses = NETWORK.build(), start.variables, []
    policy = {"stage1_block1": BatchNormPolicy.running, "stage2_block1": BatchNormPolicy.train}
    target = target_statistics(network, variables, pool.x, jnp.asarray(TARGET), 256)
    for domain, statistics in ((~TARGET, variables[STATISTICS]), (TARGET, target)):
        outputs, _ = network.apply({**variables, STATISTICS: statistics}, pool.x[domain], policy, None)
        log_p = jax.nn.log_softmax(outputs.features @ start.weights)
        losses.append(-np.mean(np.asarray(log_p)[np.arange(6), pseudo.y[domain]]))
    assert metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-4)


def test_a_stage_hands_its_statistics_to_both_domains(pool):
    earlier = started(pool)
    moved = {**earlier.variables, STATISTICS: jax.tree.map(lambda leaf: leaf + 1, earlier.variables[STATISTICS])}
    assert METHOD.adopt is not None
    state = METHOD.adopt(jax.random.key(1), started(pool), earlier._replace(variables=moved))
    for statistics in (state.variables[STATISTICS], state.target.statistics):
        np.testing.assert_array_equal(first_block(statistics), first_block(moved[STATISTICS]))


def test_a_training_without_unlabelled_samples_is_refused():
    """Nothing would be of the target domain, so AdaBN would change nothing."""
    source = PerClass(DigitShiftImages(), train=2, test=2)
    problem = source.load()
    experiment = Experiment(source, FROZEN, Train(epochs=1), (Adaptation(),), transform=Unscaled(), seeds=1)
    message = "adabn: given, but it changes samples without labels alone, and digits_shift_images has none"
    with pytest.raises(InputError, match=message):
        plan_of(problem, experiment)
    with pytest.raises(InputError, match=message):
        Harness(StudySetup(problem, {}, Unscaled(), 1, 1), FROZEN, Adaptation())
    assert plan_of(problem, replace(experiment, self_training=STHS(rounds=1))).final.view.unlabelled


@pytest.mark.parametrize("mix", [MixUp(), CutMix()])
def test_images_of_two_domains_are_not_composed(mix):
    with pytest.raises(InputError, match=f"mix: {type(mix).__name__} found beside adabn, expected one of the two"):
        replace(FROZEN, mix=mix)
