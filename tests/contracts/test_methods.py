"""Every method through the same tests: multiplicities, class names, chunks, traces."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.prototype import Prototype
from jzsl.classifiers.softmax import Softmax
from jzsl.cosine import unit
from jzsl.errors import InputError
from jzsl.export.heads import scores_of
from jzsl.generators.abp import ABP
from jzsl.generators.cvae import CVAE
from jzsl.generators.wgan import WGAN
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.methods.ale import ALE
from jzsl.methods.committee import Committee
from jzsl.methods.devise import DeViSE
from jzsl.methods.ensemble import Ensemble
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.exem import EXEM
from jzsl.methods.exemplar_semantics import ExemplarSemantics
from jzsl.methods.generative import Generative
from jzsl.methods.kernel_ridge import Linear
from jzsl.methods.reverse_exem import ReverseEXEM
from jzsl.methods.s2v import S2V
from jzsl.methods.sae import SAE
from jzsl.methods.sje import SJE
from jzsl.methods.supervised import Supervised
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.minibatch import labelled
from jzsl.types import UNLABELLED, ClassTable
from tests.compiled import compiled, jitted

# Full batches and latents that do not move: then a row's multiplicity enters through sums alone.
STILL = ABP(hidden=8, latent=2, batch_size=256, langevin_steps=1, step_size=1e-20)
ACTIVE = ABP(hidden=8, latent=2, batch_size=16, langevin_steps=2)
CONFIGS = {
    "wgan": Generative(WGAN(hidden=8, latent=2, batch_size=16, critic_steps=2), zsl=Prototype(), per_class=20),
    "cvae": Generative(CVAE(hidden=8, latent=2, batch_size=16), zsl=Prototype(), per_class=20),
    "abp, neighbours": Generative(ACTIVE, zsl=KNN(5), per_class=20),
    "abp, prototype": Generative(ACTIVE, zsl=Prototype(), per_class=20),
    "abp, softmax": Generative(ACTIVE, zsl=Softmax(epochs=2), per_class=20),
    "s2v": S2V(hidden=8, batch_size=16),
    "eszsl": ESZSL(),
    "sae": SAE(),
    "ale": ALE(batch_size=16),
    "devise": DeViSE(batch_size=16),
    "sje": SJE(batch_size=16),
    "exem": EXEM(),
    "exem, standardised": EXEM(standardised=True),
    "exem, linear": EXEM(kernel=Linear()),
    "reverse exem": ReverseEXEM(),
    "committee": Committee(),
    "committee, abp": Committee((EXEM(), Generative(ACTIVE, zsl=Prototype(), gzsl=Prototype(), per_class=20))),
    "committee, s2v": Committee((ReverseEXEM(), S2V(hidden=8, batch_size=16))),
    "exemplars, eszsl": ExemplarSemantics(),
    "exemplars, abp": ExemplarSemantics(Generative(ACTIVE, zsl=Prototype(), gzsl=Prototype(), per_class=20)),
    "ensemble, s2v": Ensemble(S2V(hidden=8, batch_size=16), 2),
    "ensemble, abp": Ensemble(Generative(ACTIVE, zsl=KNN(5), gzsl=Prototype(), per_class=20), 3),
}
HEADLESS = {name for name in CONFIGS if "exem" in name or "committee" in name or "ensemble" in name}
HEADLESS -= {"exemplars, eszsl", "exemplars, abp"}
WEIGHTED = {
    **CONFIGS,
    "abp, prototype": Generative(STILL, zsl=Prototype(), per_class=20),
    "committee, s2v": Committee((ReverseEXEM(), S2V(8, batch_size=256))),
    "ensemble, s2v": Ensemble(S2V(8, batch_size=256), 2),
    "s2v": S2V(8, batch_size=256),
    "ale": ALE(batch_size=256),
}


def trained(method, key, pool, classes, epochs=3, edit=lambda state: state):
    return method.fit(edit(method.init(key, pool, classes)), pool, classes, epochs, epochs)[0]


def scores(method, state, pool, classes, view, queries):
    predictor = method.predictor(state, pool, classes, view.unseen)
    return np.asarray(method.logits(predictor, queries, view.unseen))


@pytest.fixture
def queries(random):
    return jnp.float32(random.uniform(size=(30, 6)))


@pytest.mark.parametrize("task", [ZSL(), GZSL()])
@pytest.mark.parametrize("name", CONFIGS)
def test_absent_rows_have_no_influence(pool, classes, view, queries, name, task):
    """Not their features, not their labels, for either task."""
    method = compiled(CONFIGS[name], task)
    absent = jnp.arange(len(pool.x)) % 3 == 0
    pool = pool._replace(w=jnp.where(absent, 0, pool.w))
    garbage = pool._replace(x=jnp.where(absent[:, None], 1e6, pool.x), y=jnp.where(absent, -1, pool.y))
    one, two = (
        scores(method, trained(method, jax.random.key(0), rows, classes), rows, classes, view, queries)
        for rows in (pool, garbage)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("task", [ZSL(), GZSL()])
@pytest.mark.parametrize("name", [name for name in CONFIGS if not name.startswith("committee")])
def test_unlabelled_samples_have_no_influence_on_supervised_methods(pool, classes, view, queries, name, task):
    """They are there (w >= 1), and bit for bit as good as absent."""
    assert_unlabelled_are_absent(compiled(CONFIGS[name], task), pool, classes, view, queries)


def test_unlabelled_samples_have_no_influence_without_semantics(pool, classes, view, queries):
    assert_unlabelled_are_absent(
        compiled(Supervised(hidden=8, batch_size=16), Adaptation()), pool, classes, view, queries
    )


def assert_unlabelled_are_absent(method, pool, classes, view, queries):
    hidden = jnp.arange(len(pool.x)) % 3 == 0
    absent = pool._replace(w=jnp.where(hidden, 0, pool.w))
    unlabelled = pool._replace(x=jnp.where(hidden[:, None], 1e6, pool.x), y=jnp.where(hidden, UNLABELLED, pool.y))
    one, two = (
        scores(method, trained(method, jax.random.key(0), part, classes), part, classes, view, queries)
        for part in (absent, unlabelled)
    )
    np.testing.assert_array_equal(one, two)


def test_unlabelled_samples_have_influence_on_a_semi_supervised_method(pool, classes, view, queries):
    """Class means after the mean of all samples, labelled or not, is taken away; absent samples still have none."""

    def init(key, pool, classes):
        del key
        return jnp.zeros((classes.count + 1, pool.x.shape[1]))

    def fit(state, pool, classes, epochs, total):
        del state, epochs, total
        middle = pool.w @ pool.x / pool.w.sum()
        known = labelled(pool)
        total_of = jax.ops.segment_sum(known.w[:, None] * (known.x - middle), known.y, classes.count)
        return jnp.concatenate([middle[None], total_of]), {"loss": jnp.float32(0)}

    def predictor(state, pool, classes, unseen):
        del pool, classes, unseen
        return state

    def logits(state, x, candidates):
        return (x - state[0]) @ state[1 + candidates].T

    method = jitted(Method(init, fit, predictor, logits))
    hidden = jnp.arange(len(pool.x)) % 3 == 0
    seen = view._replace(unseen=view.seen)
    unlabelled = pool._replace(y=jnp.where(hidden, UNLABELLED, pool.y))
    moved = unlabelled._replace(x=jnp.where(hidden[:, None], pool.x + 1, pool.x))
    gone = [part._replace(w=jnp.where(hidden, 0, pool.w)) for part in (unlabelled, moved)]
    one, two, three, four = (
        scores(method, trained(method, jax.random.key(0), part, classes), part, classes, seen, queries)
        for part in (unlabelled, moved, *gone)
    )
    assert np.abs(one - two).max() > 1e-3
    np.testing.assert_array_equal(three, four)


@pytest.mark.parametrize(
    "name",
    [
        "abp, prototype", "s2v", "eszsl", "sae", "ale", "exem", "exem, standardised", "exem, linear", "reverse exem",
        "committee", "committee, s2v", "exemplars, eszsl", "ensemble, s2v",
    ],
)  # fmt: skip
def test_weight_two_is_the_row_twice(pool, classes, view, queries, random, name):
    """Exact for the closed form up to rounding; stochastic training takes the same full-batch steps."""
    method = compiled(WEIGHTED[name], ZSL())
    n = len(pool.x)
    w = random.integers(0, 3, n)
    w[np.cumsum(w) > n] = 0
    rows = np.pad(np.repeat(np.arange(n), w), (0, n - w.sum()))
    weighted = pool._replace(w=jnp.int32(w))
    repeated = pool._replace(x=pool.x[rows], y=pool.y[rows], w=jnp.int32(np.arange(n) < w.sum()))

    def still(state):
        if name != "abp, prototype":
            return state
        return state._replace(
            generator=state.generator._replace(latents=jax.tree.map(jnp.zeros_like, state.generator.latents))
        )

    one, two = (
        scores(method, trained(method, jax.random.key(0), part, classes, 4, still), part, classes, view, queries)
        for part in (weighted, repeated)
    )
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    plain = scores(method, trained(method, jax.random.key(0), pool, classes, 4, still), pool, classes, view, queries)
    assert np.abs(plain - one).max() > 10 * np.abs(two - one).max()


@pytest.mark.parametrize("name", CONFIGS)
def test_chunks_of_epochs_do_not_matter(pool, classes, name):
    method = compiled(CONFIGS[name], ZSL())
    fit, state = method.fit, method.init(jax.random.key(0), pool, classes)
    whole, _ = fit(state, pool, classes, 5, 5)
    part, _ = fit(state, pool, classes, 2, 5)
    part, _ = fit(part, pool, classes, 3, 5)

    def plain(leaf):
        return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    jax.tree.map(lambda a, b: np.testing.assert_array_equal(plain(a), plain(b)), whole, part)


@pytest.mark.parametrize("name", CONFIGS)
def test_one_compilation_serves_all_chunks_weights_and_labels(pool, classes, name):
    method, traces = CONFIGS[name].build(ZSL()), []

    @jax.jit
    def fit(state, pool, classes, epochs):
        traces.append(1)
        return method.fit(state, pool, classes, epochs, epochs)

    state = method.init(jax.random.key(0), pool, classes)
    for epochs, w in ((1, pool.w), (4, pool.w * (pool.y < 3)), (2, pool.w * 0)):
        state, metrics = fit(state, pool._replace(w=w, y=(pool.y + 1) % 5), classes, epochs)
    assert len(traces) == 1
    assert metrics


@pytest.mark.parametrize("name", ["abp, prototype", "wgan", "cvae", "s2v", "sje"])
def test_too_many_draws_are_reported_as_nan(pool, classes, name):
    method = compiled(CONFIGS[name], ZSL())
    state = method.init(jax.random.key(0), pool, classes)
    _, metrics = method.fit(state, pool._replace(w=2 * pool.w), classes, 1, 1)
    assert np.isnan(metrics["loss"])


@pytest.mark.parametrize("name", CONFIGS)
def test_it_learns(problem, pool, classes, view, name):
    """On a linear-Gaussian problem each method recognises rows of seen classes well above chance (1 in 5)."""
    longer = ABP(hidden=64, latent=2, batch_size=16, learning_rate=3e-3)
    configs = {
        "wgan": Generative(WGAN(64, 2, learning_rate=1e-3, batch_size=16), zsl=Prototype(), per_class=50),
        "cvae": Generative(
            CVAE(64, 2, learning_rate=3e-3, batch_size=16), zsl=Prototype(), per_class=50, zsl_noise=False
        ),
        "abp, neighbours": Generative(longer, zsl=KNN(5), per_class=50, zsl_noise=False),
        "abp, prototype": Generative(longer, zsl=Prototype(), per_class=50, zsl_noise=False),
        "abp, softmax": Generative(longer, zsl=Softmax(epochs=50, batch_size=64), per_class=50, zsl_noise=False),
        "s2v": S2V(hidden=64, batch_size=16, learning_rate=3e-3),
        "eszsl": ESZSL(gamma=1e-2, lam=1e-2),
        "sae": SAE(),
        "ale": ALE(batch_size=16),
        "devise": DeViSE(batch_size=16),
        "sje": SJE(batch_size=16),
        **{name: CONFIGS[name] for name in ("exem", "exem, standardised", "exem, linear", "reverse exem", "committee")},
    }
    configs["committee, abp"] = Committee((EXEM(), configs["abp, prototype"]))
    configs["committee, s2v"] = Committee((ReverseEXEM(), configs["s2v"]))
    configs["exemplars, eszsl"] = ExemplarSemantics(configs["eszsl"])
    configs["exemplars, abp"] = ExemplarSemantics(configs["abp, prototype"])
    configs["ensemble, s2v"] = Ensemble(configs["s2v"], 2)
    configs["ensemble, abp"] = Ensemble(configs["abp, neighbours"], 2)
    method = compiled(configs[name], ZSL())
    state = trained(method, jax.random.key(0), pool, classes, 150)
    seen = jnp.int32(view.seen)
    predictor = method.predictor(state, pool, classes, seen)  # the seen classes, recognised without rows
    scored = np.asarray(method.logits(predictor, pool.x, seen))
    accuracy = (view.seen[scored.argmax(1)] == view.pool.y).mean()
    assert accuracy > 0.5


def test_eszsl_is_the_closed_form(pool, classes, random):
    """Against explicit loops over rows and classes with matrix inverses in float64."""
    w = random.integers(0, 3, len(pool.x)) * (np.asarray(pool.y) != 1)
    w[np.cumsum(w) > len(pool.x)] = 0
    hyper = ESZSL(gamma=0.3, lam=0.7)
    method = hyper.build(ZSL())
    state, _ = method.fit(
        method.init(jax.random.key(0), pool, classes), pool._replace(w=jnp.int32(w)), classes, 1, 1
    )  # fmt: skip
    x, y, s = (np.asarray(a, np.float64) for a in (pool.x, pool.y, classes.semantics))
    present = [c for c in range(8) if w[y == c].sum()]
    xx, ss = np.zeros((6, 6)), sum(np.outer(s[c], s[c]) for c in present)
    xys = np.zeros((6, 4))
    for row in range(len(x)):
        xx += w[row] * np.outer(x[row], x[row])
        for c in present:
            xys += w[row] * np.outer(x[row], s[c]) * (1 if y[row] == c else -1)
    gamma, lam = 0.3 * np.trace(xx) / 6, 0.7 * np.trace(ss) / 4
    expected = np.linalg.inv(xx + gamma * np.eye(6)) @ xys @ np.linalg.inv(ss + lam * np.eye(4))
    np.testing.assert_allclose(state.bilinear, expected, rtol=1e-3, atol=1e-5)


def test_generalized_predictor_learns_from_real_rows_too(pool, classes, view):
    """Its references are the pool's rows and the generated ones; the other task's are the generated ones alone."""
    config = Generative(ACTIVE, zsl=KNN(5), gzsl=KNN(5), per_class=20)
    for task, rows in ((ZSL(), 3 * 20), (GZSL(), len(pool.x) + 3 * 20)):
        method = config.build(task)
        state = method.init(jax.random.key(0), pool, classes)
        references = method.predictor(state, pool, classes, jnp.array(view.unseen))
        assert references.x.shape == (rows, 6)
        np.testing.assert_array_equal(references.y[-60:], np.repeat(view.unseen, 20))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: S2V(hidden=0), "hidden"),
        (lambda: S2V(l2=-1), "l2"),
        (lambda: ESZSL(gamma=0), "gamma"),
        (lambda: Generative(per_class=0), "per_class"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=field):
        make()


@pytest.mark.parametrize("name", CONFIGS)
def test_classes_have_no_order(pool, classes, view, queries, random, name):
    """Scores follow the candidates' order. Where training draws nothing, other class numbers give the same scores."""
    method = compiled(CONFIGS[name], ZSL())
    state = trained(method, jax.random.key(0), pool, classes)
    predictor = method.predictor(state, pool, classes, view.unseen)
    one = np.asarray(method.logits(predictor, queries, jnp.asarray(view.unseen)))
    order = np.array([2, 0, 1])
    np.testing.assert_allclose(
        method.logits(predictor, queries, jnp.asarray(view.unseen[order])), one[:, order], rtol=1e-4, atol=1e-5
    )
    if name not in (
        "exem",
        "exem, standardised",
        "exem, linear",
        "reverse exem",
        "committee",
        "exemplars, eszsl",
        "eszsl",
        "sae",
    ):
        return
    number = random.permutation(8)  # class c becomes class number[c]
    table = ClassTable(*(jnp.zeros_like(part).at[number].set(part) for part in (classes.semantics, classes.seen)))
    other = pool._replace(y=jnp.asarray(number)[pool.y])
    state = trained(method, jax.random.key(0), other, table)
    predictor = method.predictor(state, other, table, jnp.asarray(number[view.unseen]))
    again = np.asarray(method.logits(predictor, queries, jnp.asarray(number[view.unseen])))
    np.testing.assert_allclose(again, one, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in HEADLESS])
def test_a_head_scores_as_the_method_does(pool, classes, view, queries, name):
    """In NumPy alone; candidates in any order, and rows of classes that are no candidates have no say."""
    method = compiled(CONFIGS[name], ZSL())
    state = trained(method, jax.random.key(0), pool, classes)
    predictor = method.predictor(state, pool, classes, view.unseen)
    assert method.head is not None
    for candidates in (view.unseen, view.unseen[[2, 0]]):
        head = jax.tree.map(np.asarray, method.head(predictor, jnp.asarray(candidates)))
        expected = np.asarray(method.logits(predictor, queries, jnp.asarray(candidates)))
        np.testing.assert_allclose(scores_of(head, np.asarray(queries), len(candidates)), expected, atol=2e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_methods_that_learn_from_semantics_say_so_where_there_are_none(pool, classes, name):
    method = compiled(CONFIGS[name], ZSL())
    with pytest.raises(InputError, match="semantics: none found, but this method learns from one vector per class"):
        method.init(jax.random.key(0), pool, ClassTable(None, classes.seen))


@pytest.mark.parametrize("make", [S2V, Supervised])
def test_weight_decay_is_the_gradient_of_half_the_squared_weights(pool, classes, make):
    """Read off Adam's first moment after one full-batch step, with and without it."""
    moments, start = [], None
    for l2 in (0.0, 0.5):
        config = make(hidden=8, l2=l2, batch_size=len(pool.x))
        method = compiled(config, Adaptation())
        start = method.init(jax.random.key(0), pool, classes)
        end, _ = method.fit(start, pool, classes, 1, 1)
        moments.append(optax.tree_utils.tree_get(end.optimizer, "mu"))
    assert start is not None
    jax.tree.map(
        lambda with_l2, without, weight: np.testing.assert_allclose(
            with_l2 - without, 0.1 * 0.5 * weight, rtol=1e-3, atol=1e-4
        ),
        moments[1],
        moments[0],
        start.params,
    )


@pytest.mark.parametrize("noisy", [(), ("zsl",), ("gzsl",), ("zsl", "gzsl")])
def test_generated_features_carry_noise_for_the_tasks_that_ask_for_it(pool, classes, view, noisy):
    """The features that a neighbour classifier of each task gets, and those that the method draws for others."""
    config = Generative(
        ABP(hidden=8, latent=2, sigma=0.5), zsl=KNN(3), gzsl=KNN(3), per_class=4,
        zsl_noise="zsl" in noisy, gzsl_noise="gzsl" in noisy,
    )  # fmt: skip
    generator = config.generator.build()
    for task in (ZSL(), GZSL()):
        method = config.build(task)
        state = method.init(jax.random.key(0), pool, classes)
        y = np.repeat(view.unseen, 4)
        key = stream(state.key, "generated")
        expected = generator.sample(key, state.generator, classes.semantics[y], task.name in noisy)
        references = method.predictor(state, pool, classes, jnp.asarray(view.unseen))
        np.testing.assert_allclose(references.x[-len(y) :], unit(expected), rtol=1e-5, atol=1e-6)
        assert method.sample is not None
        np.testing.assert_array_equal(method.sample(key, state, classes.semantics[y]), expected)
