"""HAS: the terms of its loss by hand, what each does to images, and training on both kinds of images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.methods.adversarial_samples import AdversarialSamples, Terms, terms
from jzsl.methods.apn import APN, attribute_prototype_network
from jzsl.methods.attribute_descent import Perturbation
from jzsl.methods.attribute_prototypes import Attributes, Pooling, attributes_of, log_probabilities
from jzsl.methods.has import HAS
from jzsl.nets.normalised import Normalised
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.zsl import ZSL
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.sgd import SGD
from tests.methods.images import SEEN, SEMANTICS, UNSEEN, bars, mean_accuracy, problem, trained

BASE = APN(Normalised(SmallCNN((8, 16))), optimizer=Adam(1e-2, beta1=0.5), batch_size=32)
NONE = AdversarialSamples(
    steps=4, step_size=4, classification=0, robustness=0, reliability=0, attention_entropy=0, attention_mass=0
)
LABELS = np.tile(SEEN, 8)
PRESENT = jnp.asarray(np.isin(np.arange(8), SEEN))


@pytest.fixture(scope="module")
def state():
    pool, classes = problem()
    return trained(BASE.build(ZSL()), pool, classes, 12)


@pytest.fixture(scope="module")
def images():
    return jnp.asarray(bars(LABELS, seed=4)) / 255


@pytest.fixture(scope="module")
def measured(state, images):
    """The terms of images, as the trained model sees them beside the unchanged ones."""
    network, y = BASE.network.build(), jnp.asarray(LABELS)

    @jax.jit
    def of(changed):
        start, _ = attributes_of(network, "average", state.variables, state.heads, images)
        model, _ = attributes_of(network, "average", state.variables, state.heads, changed)
        log_p = log_probabilities(model.predicted, jnp.asarray(SEMANTICS), PRESENT)
        return terms(model, log_p, y, start.features), jnp.argmax(log_p, 1)

    return of


@pytest.fixture(scope="module")
def perturbed(state, images):
    def of(config: AdversarialSamples, pooling: Pooling = "average"):
        perturb = jax.jit(config.build(BASE.network.build(), pooling))
        y, semantics = jnp.asarray(LABELS), jnp.asarray(SEMANTICS)
        return perturb(state.variables, state.heads, images, y, semantics, PRESENT)

    return of


def test_terms_by_hand(random):
    """Equations 1 and 5 to 7 with loops, means in the place of sums over channels and attributes."""
    features, start = random.normal(size=(2, 5)), random.normal(size=(2, 5))
    attention, p = random.normal(size=(2, 3, 2, 4)), random.dirichlet(np.ones(3), 2)
    y = np.array([2, 0])
    model = Attributes(jnp.asarray(features), jnp.zeros((2, 4)), jnp.asarray(attention))
    result = terms(model, jnp.log(jnp.asarray(p)), jnp.asarray(y), jnp.asarray(start))
    for image in range(2):
        assert result.classification[image] == pytest.approx(-np.log(p[image, y[image]]), rel=1e-4)
        assert result.entropy[image] == pytest.approx(-sum(q * np.log(q) for q in p[image]), rel=1e-4)
        drift = sum((one - two) ** 2 for one, two in zip(features[image], start[image], strict=True)) / 5
        assert result.drift[image] == pytest.approx(drift, rel=1e-4)
        entropy, mass = [], []
        for attribute in range(4):
            places = [float(attention[image, i, j, attribute]) for i in range(3) for j in range(2)]
            shares = [np.exp(value) / sum(np.exp(other) for other in places) for value in places]
            entropy.append(-sum(share * np.log(share) for share in shares))
            mass.append(sum(value**2 for value in places))
        assert result.attention_entropy[image] == pytest.approx(np.mean(entropy), rel=1e-4)
        assert result.attention_mass[image] == pytest.approx(np.mean(mass), rel=1e-4)


def test_the_objective_is_the_weighted_sum(random):
    config = AdversarialSamples(
        classification=2, robustness=3, reliability=5, attention_entropy=7, attention_mass=11
    )  # fmt: skip
    values = [jnp.asarray(random.normal(size=4)) for _ in range(5)]
    parts = Terms(*values)
    expected = 2 * values[0] - 3 * values[1] + 5 * values[2] - 7 * values[3] + 11 * values[4]
    np.testing.assert_allclose(config.objective(parts), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("weight", "term", "grows"),
    [
        ("classification", "classification", False),
        ("robustness", "entropy", True),
        ("attention_entropy", "attention_entropy", True),
        ("attention_mass", "attention_mass", False),
    ],
)
def test_each_term_alone_moves_what_it_promises(measured, perturbed, images, weight, term, grows):
    changed = perturbed(dataclasses.replace(NONE, **{weight: 1.0}))
    before, after = (np.asarray(getattr(measured(each)[0], term)) for each in (images, changed))
    assert ((after > before) if grows else (after < before)).mean() > 0.9
    most = {"attention_entropy": np.log(16), "entropy": np.log(6)}.get(term)  # of 16 places, of six classes
    room = before.mean() if most is None else most - before.mean()
    assert abs(after.mean() - before.mean()) > 0.15 * room


def test_the_class_is_kept_and_the_features_stay_closer_where_their_terms_are_on(measured, perturbed, images):
    """Compared with raising the entropy alone."""
    entropy = dataclasses.replace(NONE, robustness=1.0, steps=10)
    plain, right = measured(perturbed(entropy))
    kept, still_right = measured(perturbed(dataclasses.replace(entropy, classification=3.0)))
    close, _ = measured(perturbed(dataclasses.replace(entropy, reliability=10.0)))
    assert (np.asarray(still_right) == LABELS).mean() == 1
    assert kept.classification.mean() < plain.classification.mean()
    assert (np.asarray(right) == LABELS).mean() < 1
    assert close.drift.mean() < 0.7 * plain.drift.mean()


def test_without_any_term_images_stay(perturbed, images):
    np.testing.assert_array_equal(perturbed(NONE), images)


@pytest.mark.parametrize("pooling", ["average", "maximum"])
def test_pixels_stay_in_range_and_in_the_ball(perturbed, images, pooling):
    free = dataclasses.replace(NONE, robustness=1.0, attention_mass=1.0, steps=10, step_size=20)
    changed = perturbed(free, pooling)
    assert changed.min() == 0
    assert changed.max() == 1
    assert np.abs(changed - images).max() > 60 / 255
    held = perturbed(dataclasses.replace(free, radius=30.0), pooling)
    assert np.abs(held - images).max() <= 30 / 255 + 1e-6
    assert held.min() >= 0
    assert held.max() <= 1


def test_one_step_is_the_sign_of_the_gradient_by_differences(state, perturbed, images):
    """Single pixels, against the objective a little to either side of them."""
    config = dataclasses.replace(AdversarialSamples(), steps=1, attention_mass=1.0)
    moved = np.asarray(perturbed(config) - images)[0, ..., 0]
    network, y = BASE.network.build(), jnp.asarray(LABELS[:1])

    @jax.jit
    def value(image):
        model, _ = attributes_of(network, "average", state.variables, state.heads, image[None])
        start, _ = attributes_of(network, "average", state.variables, state.heads, images[:1])
        log_p = log_probabilities(model.predicted, jnp.asarray(SEMANTICS), PRESENT)
        return config.objective(terms(model, log_p, y, start.features))[0]

    checked = 0
    for row, column in np.ndindex(8, 8):
        step = jnp.zeros((8, 8, 1)).at[row, column].set(2e-3)
        slope = float(value(images[0] + step) - value(images[0] - step)) / 4e-3
        if abs(slope) > 0.05:
            checked += 1
            assert np.sign(moved[row, column]) == -np.sign(slope)
            assert abs(moved[row, column]) == pytest.approx(1 / 255, rel=1e-3)
    assert checked > 20


def test_a_sample_is_perturbed_on_its_own(state, images):
    """Batch normalisation uses running statistics: other images of the minibatch have no say, nor does the order."""
    perturb = jax.jit(AdversarialSamples().build(BASE.network.build(), "average"))
    y, semantics = jnp.asarray(LABELS), jnp.asarray(SEMANTICS)
    whole = perturb(state.variables, state.heads, images, y, semantics, PRESENT)
    part = perturb(state.variables, state.heads, images[5:2:-1], y[5:2:-1], semantics, PRESENT)
    np.testing.assert_allclose(part, whole[5:2:-1], atol=1e-6)


def test_no_gradient_flows_through_the_perturbation(state, images):
    """The gradient of a loss on perturbed images is that on the same images given as constants."""
    network = BASE.network.build()
    perturb = AdversarialSamples().build(network, "average")
    y, semantics = jnp.asarray(LABELS), jnp.asarray(SEMANTICS)

    def loss(params, given=None):
        variables, heads = {**state.variables, "params": params[0]}, params[1]
        x = perturb(variables, heads, images, y, semantics, PRESENT) if given is None else given
        model, _ = attributes_of(network, "average", variables, heads, x)
        return jnp.sum(model.predicted**2)

    params = (state.variables["params"], state.heads)
    constant = perturb(state.variables, state.heads, images, y, semantics, PRESENT)
    one, two = jax.jit(jax.grad(loss))(params), jax.jit(jax.grad(loss))(params, constant)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3), one, two)
    by_images = jax.grad(lambda x: jnp.sum(perturb(state.variables, state.heads, x, y, semantics, PRESENT)))(images)
    np.testing.assert_array_equal(by_images, 0)


@pytest.mark.parametrize(
    "config",
    [HAS(BASE, AdversarialSamples(steps=0)), HAS(BASE, probability=0.0)],
    ids=["no steps", "never"],
)
def test_without_perturbation_has_is_apn(config):
    pool, classes = problem()
    one, two = (trained(each.build(ZSL()), pool, classes, 2) for each in (BASE, config))
    key = jax.random.key_data
    jax.tree.map(np.testing.assert_array_equal, one._replace(key=key(one.key)), two._replace(key=key(two.key)))


def test_a_minibatch_is_trained_on_twice_with_the_perturbed_images_second():
    """An epoch of one minibatch: HAS is APN on the images, then APN on what its model makes of them."""
    pool, classes = problem()
    still = dataclasses.replace(BASE, batch_size=len(pool.x), learned=("stage1",))
    samples = AdversarialSamples(step_size=8)
    fit = jax.jit(HAS(still, samples).build(ZSL()).fit)
    plain = still.build(ZSL())
    start = jax.jit(plain.init)(jax.random.key(0), pool, classes)
    both, _ = fit(start, pool, classes, 1, 1)
    first, _ = jax.jit(plain.fit)(start, pool, classes, 1, 1)
    perturb = jax.jit(samples.build(still.network.build(), "average"))
    semantics = jnp.asarray(SEMANTICS / np.linalg.norm(SEMANTICS, axis=1, keepdims=True))
    changed = perturb(first.variables, first.heads, pool.x / 255, pool.y, semantics, PRESENT)
    second, _ = jax.jit(plain.fit)(first, pool._replace(x=changed), classes, 1, 1)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3), both.heads, second.heads)
    assert max(np.abs(a - b).max() for a, b in zip(both.heads, first.heads, strict=True)) > 5e-3


def test_padding_changes_nothing():
    """A minibatch that is mostly padding, with steps as much larger as it is, and one of its samples alone."""
    pool, classes = problem(13)
    ends = []
    for size in (13, 40):
        plain = SGD(size * 1e-2, momentum=0.0, l2=0.0)
        base = dataclasses.replace(BASE, batch_size=size, optimizer=plain, heads_optimizer=plain)
        method = HAS(base, AdversarialSamples(steps=2, step_size=8)).build(ZSL())
        start = jax.jit(method.init)(jax.random.key(0), pool, classes)
        end, metrics = jax.jit(method.fit)(start, pool, classes, 2, 2)
        ends.append((end.variables, end.heads, metrics))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4), *ends)
    assert np.abs(ends[0][1].projection - start.heads.projection).max() > 1e-2


def test_each_of_the_two_steps_draws_its_own_dropout():
    pool, classes = problem(6)
    keys = []

    @dataclasses.dataclass(frozen=True)
    class Watched:
        def build(self):
            network = BASE.network.build()

            def apply(variables, x, policy, valid, /, key=None):
                if key is not None:
                    jax.debug.callback(lambda data: keys.append(tuple(data.tolist())), jax.random.key_data(key))
                return network.apply(variables, x, policy, valid, key=key)

            return network._replace(apply=apply)

    base = dataclasses.replace(BASE, network=Watched())
    trained(HAS(base, AdversarialSamples(steps=1)).build(ZSL()), pool, classes, 2)
    jax.effects_barrier()
    assert len(set(keys)) == 4  # of two minibatches


def test_perturbing_leaves_running_statistics_alone():
    """A perturbation that gives other images back, or the same ones: statistics follow the images trained on alone."""
    pool, classes = problem()

    def same(variables, heads, images, y, semantics, present):
        return images

    network = BASE.network.build()
    harmless = AdversarialSamples(step_size=1e-9).build(network, "average")
    start = jax.jit(BASE.build(ZSL()).init)(jax.random.key(0), pool, classes)
    one, two = (
        jax.jit(attribute_prototype_network(BASE, Perturbation(perturb, 1.0)).fit)(start, pool, classes, 1, 1)[0]
        for perturb in (same, harmless)
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        one.variables["batch_stats"],
        two.variables["batch_stats"],
    )


def test_a_share_of_the_minibatches_is_perturbed():
    """The steps that Adam counts: one of each minibatch, and a second one of about half of them."""
    pool, classes = problem()
    method = HAS(dataclasses.replace(BASE, batch_size=4), AdversarialSamples(steps=1), 0.5).build(ZSL())
    state = trained(method, pool, classes, 4)
    minibatches = 4 * len(pool.x) // 4
    (count,) = {int(leaf) for leaf in jax.tree.leaves(state.moments) if leaf.ndim == 0}
    assert abs((count - minibatches) / minibatches - 0.5) < 0.2


def test_classes_without_images_are_recognised():
    pool, classes = problem()
    method = HAS(BASE, AdversarialSamples(step_size=4)).build(ZSL())
    state = trained(method, pool, classes, 15)
    labels, unseen = np.tile(UNSEEN, 60), jnp.asarray(UNSEEN)
    predictor = method.predictor(state, pool, classes, unseen)
    assert mean_accuracy(jax.jit(method.logits)(predictor, jnp.asarray(bars(labels, 1)), unseen), labels, UNSEEN) > 0.9


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: AdversarialSamples(steps=-1), "steps"),
        (lambda: AdversarialSamples(step_size=0.0), "step_size"),
        (lambda: AdversarialSamples(radius=0.0), "radius"),
        (lambda: HAS(probability=1.5), "probability"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=field):
        make()
