"""Methods that discover classes through the same tests: masks, chunks, permutations, stages; what each minimises."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.dtc import DTC, student_t, target_distribution
from jzsl.methods.headed import Trained, train
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.learning_to_cluster import LearningToCluster
from jzsl.methods.lsd_c import LSDC, composed_targets
from jzsl.methods.uno import UNO
from jzsl.metrics.clustering import clustering_accuracy
from jzsl.nets.mlp import MLP
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.resnet import ResNet
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.augment import Augment, Sequence
from jzsl.training.augment.mixture import Mixture
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.noise import GaussianNoise
from jzsl.training.consistency.own_samples import OwnSamples
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.pair_losses.kcl import KCL
from jzsl.training.rates.ramp_up import RampUp
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.ranking_statistics import RankingStatistics
from jzsl.training.sinkhorn import sinkhorn
from jzsl.types import UNLABELLED, ClassTable, Pool
from tests.compiled import compiled

OLD, NEW = 3, 2
CLASSES = ClassTable(None, jnp.arange(OLD + 2 * NEW) < OLD, jnp.array([5, 6]))
"""Three labelled classes, the two true classes of the others, and two clusters."""
NETWORK = MLP((8,))
NOISE = GaussianNoise(0.05)
AUTONOVEL = AutoNovel(
    NETWORK, NOISE, similarity=RankingStatistics(2), optimizer=SGD(0.05, l2=0.0), learned=None, batch_size=10
)
LSD_C = LSDC(
    NETWORK,
    NOISE,
    similarity=NearestNeighbours(2, False),
    mix=MixUp(),
    optimizer=SGD(0.05),
    learned=None,
    batch_size=10,
)
LEARNED_PAIRS = LearningToCluster(
    NETWORK, NOISE, similarity_epochs=2, similarity_hidden=6, optimizer=SGD(0.05, l2=0.0), batch_size=10
)
CONFIGS = {
    "autonovel": replace(AUTONOVEL, incremental=True),
    "kcl": replace(AUTONOVEL, pair_loss=KCL(), consistency=OwnSamples(), augment_first=False),
    "lsd-c": LSD_C,
    "lsd-c, predictions": replace(LSD_C, on_predictions=True, hidden=4, mix=None),
    "uno": UNO(NETWORK, NOISE, 2, 2, 4, optimizer=SGD(0.05), batch_size=10),
    "uno, one head": UNO(NETWORK, NOISE, 1, None, None, optimizer=SGD(0.05), batch_size=10),
    "dtc": DTC(NETWORK, NOISE, optimizer=SGD(0.01, l2=0.0), learned=None, restarts=2, batch_size=10),
    "learned pairs": LEARNED_PAIRS,
}
WITHOUT_LABELS = ("lsd-c", "dtc", "learned pairs")
"""Methods whose heads learn from unlabelled samples alone."""
SLOW = SGD(1e-6, l2=0.0)
"""After one step the network is as before, so that metrics are those of the start."""


@pytest.fixture
def pool(random) -> Pool:
    """Twelve labelled vectors, ten unlabelled ones of two other groups, two absent ones."""
    truth = np.r_[np.arange(12) % 3, 3 + np.arange(10) % 2, 0, 0]
    x = (4 * np.eye(5)[truth] + 0.1 * random.normal(size=(24, 5))).astype(np.float32)
    y = np.where(np.arange(24) < 12, truth, UNLABELLED)
    return Pool(jnp.asarray(x), jnp.asarray(y), jnp.asarray(np.arange(24) < 22, jnp.int32))


def started(config, pool, classes=CLASSES, seed=0):
    method = compiled(config, Discovery())
    return method, method.init(jax.random.key(seed), pool, classes)


def trained(config, pool, epochs=2, classes=CLASSES):
    method, state = started(config, pool, classes)
    return method, *method.fit(state, pool, classes, epochs, epochs)


def predicted(method, state, pool, candidates, classes=CLASSES):
    predictor = method.predictor(state, pool, classes, classes.clusters)
    return np.asarray(method.logits(predictor, pool.x, candidates))


def assert_same(one, two):
    jax.tree.map(np.testing.assert_array_equal, (one.variables, one.heads), (two.variables, two.heads))


@pytest.mark.parametrize("name", CONFIGS)
def test_absent_samples_and_padding_have_no_influence(pool, name):
    """22 samples in minibatches of ten at most: eight, seven and seven of them, beside padding."""
    garbage = pool._replace(
        x=jnp.where(pool.w[:, None] > 0, pool.x, 1e3), y=jnp.where(pool.w > 0, pool.y, jnp.arange(24) % 3 - 1)
    )
    one, two = (trained(CONFIGS[name], part)[1] for part in (pool, garbage))
    assert_same(one, two)
    larger = Pool(*(jnp.pad(part, [(0, 40)] + [(0, 0)] * (part.ndim - 1)) for part in pool[:3]))  # type: ignore[arg-type]
    method, state, _ = trained(CONFIGS[name], larger)
    assert np.isfinite(predicted(method, state, larger, CLASSES.clusters)).all()


def test_an_epoch_is_divided_evenly(pool):
    """22 samples in minibatches of ten at most have 8, 7 and 7 to compare, not 10, 10 and 2."""

    def counting(heads, variables, embed, key, samples, classes, position):
        count = jnp.sum(samples.labelled + samples.unlabelled)
        return jnp.zeros(()), (variables, {"square": count**2})

    _, state = started(AUTONOVEL, pool)
    parts = Trained(NETWORK.build(), SLOW.build(), None, BatchNormPolicy.train, 10)
    _, metrics = train(parts, counting, state, pool, CLASSES, 1, 1)
    assert float(metrics["square"]) == pytest.approx((8**2 + 7**2 + 7**2) / 3)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", ["labelled", "unlabelled"])
def test_a_pool_of_one_kind_alone_stays_finite(pool, name, kind):
    chosen = (pool.y >= 0) == (kind == "labelled")
    _, state, metrics = trained(CONFIGS[name], pool._replace(w=pool.w * chosen), 3)
    if not (kind == "labelled" and name.startswith(WITHOUT_LABELS)):  # which then has no minibatch
        assert all(np.isfinite(value) for value in metrics.values())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.variables, state.heads)))


@pytest.mark.parametrize("name", CONFIGS)
def test_epochs_in_chunks_are_the_same_epochs(pool, name):
    method, state = started(CONFIGS[name], pool)
    fit = method.fit
    half, _ = fit(state, pool, CLASSES, 1, 3)
    assert_same(fit(half, pool, CLASSES, 2, 3)[0], fit(state, pool, CLASSES, 3, 3)[0])


@pytest.mark.parametrize("name", ["autonovel", "lsd-c", "uno"])
def test_the_order_of_the_clusters_is_a_name(pool, name):
    """Columns of the heads exchanged with the classes that they stand for: the same scores of the same clusters."""
    turned = CLASSES._replace(clusters=CLASSES.required_clusters[::-1])
    one = trained(CONFIGS[name], pool)
    method, state = started(CONFIGS[name], pool)
    if name.startswith("uno"):
        learned = state.heads.learned
        new = learned.new._replace(prototypes=learned.new.prototypes[..., ::-1])
        heads = state.heads._replace(learned=learned._replace(new=new))
    elif name.startswith("lsd-c"):
        heads = state.heads._replace(clusters=jax.tree.map(lambda leaf: leaf[..., ::-1], state.heads.clusters))
    else:
        new, extra = jax.tree.map(lambda leaf: leaf[..., ::-1], (state.heads.new, state.heads.extra))
        heads = state.heads._replace(new=new, extra=extra)
    state, _ = method.fit(state._replace(heads=heads), pool, turned, 2, 2)
    everything = jnp.arange(CLASSES.count)
    first = predicted(one[0], one[1], pool, everything)
    np.testing.assert_allclose(predicted(method, state, pool, everything, turned), first, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_scores_are_of_labelled_classes_and_clusters(pool, name):
    method, state, _ = trained(CONFIGS[name], pool)
    scores = predicted(method, state, pool, jnp.array([6, 3, 0, 4]))
    everything = predicted(method, state, pool, jnp.arange(7))
    np.testing.assert_array_equal(scores, everything[:, [6, 3, 0, 4]])
    assert (scores[:, [1, 3]] <= -1e8).all()
    assert (scores[:, 0] > -1e3).all()
    assert (scores[:, 2] > -1e3).all() != name.startswith(WITHOUT_LABELS)


@pytest.mark.parametrize("name", ["autonovel", "uno", "lsd-c"])
def test_a_stage_hands_over_its_network_and_its_class_weights(pool, name):
    stage = ImageClassifier(NETWORK, batch_size=10)
    _, earlier, _ = trained(stage, pool)
    method, state = started(CONFIGS[name], pool)
    assert method.adopt is not None
    state = method.adopt(jax.random.key(1), state, earlier)
    jax.tree.map(np.testing.assert_array_equal, state.variables, earlier.variables)
    if name != "lsd-c":
        old = state.heads.old.weight if name == "autonovel" else state.heads.learned.old
        np.testing.assert_array_equal(old, earlier.weights)


def test_frozen_blocks_keep_their_weights_and_their_scales(pool):
    config = replace(AUTONOVEL, network=MLP((8, 8)), learned=("layer2",))
    method, state = started(config, pool)
    after, _ = method.fit(state, pool, CLASSES, 2, 2)
    jax.tree.map(
        np.testing.assert_array_equal, after.variables["params"]["layer1"], state.variables["params"]["layer1"]
    )
    moved = jax.tree.map(
        lambda a, b: bool(np.any(a != b)), after.variables["batch_stats"], state.variables["batch_stats"]
    )
    assert all(jax.tree.leaves(moved))
    still = replace(config, others=BatchNormPolicy.running)
    method, state = started(still, pool)
    after, _ = method.fit(state, pool, CLASSES, 2, 2)
    jax.tree.map(
        np.testing.assert_array_equal,
        after.variables["batch_stats"]["layer1"],
        state.variables["batch_stats"]["layer1"],
    )


@dataclass(frozen=True)
class Recorded:
    """Noise whose views are kept."""

    seen: list

    __hash__ = object.__hash__

    def build(self) -> Augment:
        noise = GaussianNoise(0.3).build()

        def augment(key, images):
            view = noise(key, images)
            jax.debug.callback(lambda array: self.seen.append(np.asarray(array)), view, ordered=True)
            return view

        return augment


def softmax(columns):
    powers = np.exp(columns - columns.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def views_of(config, pool):
    """Features of both views at the start, each by its own batch statistics, beside the state and the metrics."""
    seen: list[np.ndarray] = []
    config = replace(config, augment=Recorded(seen), optimizer=SLOW, batch_size=24)
    method, state = started(config, pool)
    _, metrics = method.fit(state, pool, CLASSES, 1, 1)
    jax.effects_barrier()
    apply = config.network.build().apply
    # The order of a minibatch is that of its first view; the noise is far smaller than the distances.
    nearest = np.argmin(np.linalg.norm(seen[0][:, None] - np.asarray(pool.x), axis=2), 1)
    valid = jnp.asarray(np.arange(24) < 22, jnp.float32)
    features = [
        np.asarray(apply(state.variables, jnp.asarray(view), BatchNormPolicy.train, valid)[0].features, np.float64)
        for view in seen
    ]
    return state, {name: float(value) for name, value in metrics.items()}, features, np.asarray(pool.y)[nearest][:22]


@pytest.mark.parametrize("incremental", [False, True])
def test_autonovel_minimises_equation_5(pool, incremental):
    config = replace(AUTONOVEL, incremental=incremental, ramp=RampUp(1.0))
    state, metrics, features, y = views_of(config, pool)
    z, z_bar = (part[:22] for part in features)
    heads = jax.tree.map(np.asarray, state.heads)
    new, new_bar = (softmax(part @ heads.new.weight + heads.new.bias) for part in (z, z_bar))
    columns = [part @ heads.old.weight[:, :OLD] + heads.old.bias[:OLD] for part in (z, z_bar)]
    if incremental:
        columns = [
            np.hstack([old, part @ heads.extra.weight + heads.extra.bias])
            for old, part in zip(columns, (z, z_bar), strict=True)
        ]
    old, old_bar = map(softmax, columns)
    labelled, unlabelled = np.flatnonzero(y >= 0), np.flatnonzero(y < 0)
    entropy = -np.mean([np.log(old[i, y[i]]) for i in labelled])
    sets = [set(np.argsort(-row, kind="stable")[:2]) for row in z]
    pairs = []
    for i in unlabelled:
        for j in unlabelled:
            together = np.clip(new[i] @ new_bar[j], 1e-7, 1 - 1e-7)
            pairs.append(-np.log(together if sets[i] == sets[j] else 1 - together))
    consistency = np.mean((old - old_bar) ** 2) + np.mean((new - new_bar) ** 2)
    assert metrics["cross_entropy"] == pytest.approx(entropy, rel=1e-3)
    assert metrics["pair_loss"] == pytest.approx(np.mean(pairs), rel=1e-3)
    assert metrics["consistency"] == pytest.approx(consistency, rel=1e-3)
    total = entropy + np.mean(pairs) + 5 * np.exp(-5) * consistency
    if incremental:
        pseudo = -np.mean([np.log(old[i, OLD + new[i].argmax()]) for i in unlabelled])
        assert metrics["pseudo_label_entropy"] == pytest.approx(pseudo, rel=1e-3)
        total += 0.05 * np.exp(-5) * pseudo
    assert metrics["loss"] == pytest.approx(total, rel=1e-3)


def test_lsd_c_without_composition_minimises_equations_5_and_8(pool):
    pool = pool._replace(y=jnp.full(24, UNLABELLED))
    state, metrics, features, _ = views_of(replace(LSD_C, mix=None), pool)
    weight, bias = (np.asarray(part) for part in state.heads.clusters)
    p, p_bar = (softmax(part[:22] @ weight + bias) for part in features)
    z = features[0][:22]
    distances = ((z[:, None] - z) ** 2).sum(2)
    near = [set([j for j in np.argsort(row, kind="stable") if j != i][:2]) for i, row in enumerate(distances)]
    pairs = []
    for i in range(22):
        for j in range(22):
            together = np.clip(p[i] @ p_bar[j], 1e-7, 1 - 1e-7)
            pairs.append(-np.log(together if i == j or i in near[j] or j in near[i] else 1 - together))
    assert metrics["pair_loss"] == pytest.approx(np.mean(pairs), rel=1e-3)
    assert metrics["consistency"] == pytest.approx(np.mean((p - p_bar) ** 2), rel=1e-3)


def test_targets_of_composed_samples_are_those_of_figure_3():
    """Image 1 against the composition of 1, 5, 7, 2 by these shares: connected with 1 and 7, so 0.7 of it."""
    same = np.eye(8)
    same[1, 7] = same[7, 1] = 1
    sources, shares = np.array([[1], [5], [7], [2]]), np.array([[0.3], [0.2], [0.4], [0.1]])
    mixture = Mixture(jnp.zeros((8, 1)), jnp.asarray(np.tile(sources, 8)), jnp.asarray(np.tile(shares, 8), jnp.float32))
    targets = np.asarray(composed_targets(jnp.asarray(same, jnp.float32), mixture))
    np.testing.assert_allclose(targets[1], 0.7, rtol=1e-6)
    np.testing.assert_allclose(targets[2], 0.1, rtol=1e-6)


def unit_rows(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize(("heads", "overclustering", "projection"), [(1, None, None), (3, None, 4), (2, 3, 4)])
def test_uno_swaps_the_pseudo_labels_of_the_views(pool, heads, overclustering, projection):
    """Each head by itself, among the labelled classes; both kinds of heads have half of the weight."""
    state, metrics, features, y = views_of(UNO(NETWORK, NOISE, heads, overclustering, projection), pool)
    learned, z = jax.tree.map(np.asarray, state.heads.learned), [part[:22] for part in features]
    unlabelled = jnp.asarray(y < 0, jnp.float32)

    def loss(group, number):
        cosines = []
        for part in z:
            projected = part
            if projection is not None:
                inner, outer = jax.tree.map(lambda leaf: leaf[number], group.projection)
                projected = np.maximum(part @ inner.weight + inner.bias, 0) @ outer.weight + outer.bias
            of_old = unit_rows(part) @ unit_rows(learned.old[:, :OLD].T).T
            cosines.append(np.hstack([of_old, unit_rows(projected) @ unit_rows(group.prototypes[number].T).T]))
        pseudo = [np.asarray(sinkhorn(jnp.asarray(part[:, OLD:], jnp.float32), unlabelled)) for part in cosines]
        total = 0.0
        for view in range(2):
            target = np.hstack([np.eye(OLD)[np.maximum(y, 0)] * (y >= 0)[:, None], pseudo[1 - view]])
            total += -np.mean(np.sum(target * np.log(softmax(cosines[view] / 0.1)), 1)) / 2
        return total

    of_heads = [loss(learned.new, number) for number in range(heads)]
    expected = np.mean(of_heads)
    if overclustering is not None:
        assert learned.over.prototypes.shape[2] == overclustering * NEW
        expected = (expected + np.mean([loss(learned.over, number) for number in range(heads)])) / 2
    assert metrics["loss"] == pytest.approx(expected, rel=1e-3)
    noisy = UNO(NETWORK, GaussianNoise(0.3), heads, overclustering, projection, optimizer=SLOW, batch_size=24)
    np.testing.assert_allclose(trained(noisy, pool, 1)[1].heads.losses, of_heads, rtol=1e-3)


def test_the_head_of_uno_with_the_lowest_loss_predicts(pool):
    config = CONFIGS["uno"]
    method, state, _ = trained(config, pool)
    by_number = []
    for best in range(2):
        losses = jnp.where(jnp.arange(2) == best, 0.5, 0.9)
        by_number.append(
            predicted(method, state._replace(heads=state.heads._replace(losses=losses)), pool, jnp.arange(7))
        )
        alone = jax.tree.map(lambda leaf, best=best: jnp.stack([leaf[best]] * 2), state.heads.learned.new)
        only = state.heads._replace(learned=state.heads.learned._replace(new=alone))
        expected = predicted(method, state._replace(heads=only), pool, jnp.arange(7))
        np.testing.assert_allclose(by_number[best], expected, rtol=1e-4, atol=1e-5)
    assert np.abs(by_number[0][:, 5:] - by_number[1][:, 5:]).max() > 0.1
    np.testing.assert_array_equal(by_number[0][:, :5], by_number[1][:, :5])
    chosen = int(np.argmin(state.heads.losses))
    np.testing.assert_array_equal(predicted(method, state, pool, jnp.arange(7)), by_number[chosen])


def test_dtc_sharpens_the_assignments_of_dec(random):
    """Equations 1 and 3 of DEC by loops; a sample of multiplicity two counts twice, an absent one not at all."""
    z, centres, w = random.normal(size=(6, 2)), random.normal(size=(3, 2)), np.array([1, 2, 0, 1, 1, 1])
    closeness = np.array([[1 / (1 + np.sum((a - b) ** 2)) for b in centres] for a in z])
    p = closeness / closeness.sum(1, keepdims=True)
    computed = student_t(jnp.asarray(z, jnp.float32), jnp.asarray(centres, jnp.float32))
    np.testing.assert_allclose(computed, p, rtol=1e-4)
    sizes = sum(count * row for count, row in zip(w, p, strict=True))
    sharp = np.array([row**2 / sizes for row in p])
    targets = np.asarray(target_distribution(computed, jnp.asarray(w)))
    np.testing.assert_allclose(targets, sharp / sharp.sum(1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("name", ["autonovel", "lsd-c", "uno", "dtc"])
def test_far_groups_are_found(random, name):
    """Two of five groups without labels; 60 samples of each."""
    truth = np.arange(300) % 5
    x = jnp.asarray(2 * np.eye(5)[truth] + 0.2 * random.normal(size=(300, 5)), jnp.float32)
    pool = Pool(x, jnp.asarray(np.where(truth < OLD, truth, UNLABELLED)), jnp.ones(300, jnp.int32))
    config = replace(CONFIGS[name], network=MLP((32,)), batch_size=100)
    if name == "lsd-c":
        config = replace(config, similarity=NearestNeighbours(10))
    method, state, _ = trained(config, pool, 20)
    new = truth >= OLD
    scores = predicted(method, state, pool, CLASSES.clusters)[new]
    assert clustering_accuracy(truth[new] - OLD, scores.argmax(1)) == 1
    if not name.startswith(WITHOUT_LABELS):
        old = predicted(method, state, pool, jnp.arange(OLD))[~new]
        assert np.mean(old.argmax(1) == truth[~new]) == 1


def test_ricap_refuses_vectors_and_networks_of_images_do(pool):
    with pytest.raises(InputError, match="RICAP composes images"):
        trained(replace(LSD_C, mix=LSDC().mix), pool)
    with pytest.raises(InputError, match="samples: of shape 5 found, expected images"):
        started(replace(AUTONOVEL, network=ResNet((1,)), augment=Sequence()), pool)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: AutoNovel(batch_size=0), "batch_size"),
        (lambda: AutoNovel(pair_weight=-1), "pair_weight"),
        (lambda: LSDC(consistency_weight=-1), "consistency_weight"),
        (lambda: LSDC(hidden=0), "hidden"),
        (lambda: LearningToCluster(similarity_epochs=0), "similarity_epochs"),
        (lambda: LearningToCluster(similarity_hidden=0), "similarity_hidden"),
        (lambda: LearningToCluster(threshold=1.0), "threshold"),
        (lambda: UNO(epsilon=0), "epsilon"),
        (lambda: UNO(projection=0), "projection"),
        (lambda: UNO(heads=0), "heads"),
        (lambda: UNO(overclustering=0), "overclustering"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=f"{field}: "):
        make()
