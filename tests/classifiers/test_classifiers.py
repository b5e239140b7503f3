"""Each classifier against another library or brute force, and all of them through one contract."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from jzsl.classifiers import knn as knn_file
from jzsl.classifiers.knn import KNN, column_of, knn
from jzsl.classifiers.prototype import Prototype, prototype
from jzsl.classifiers.softmax import Softmax, softmax
from jzsl.errors import InputError
from jzsl.export.heads import joined, scores_of
from jzsl.types import ClassTable

CLASSES = ClassTable(jnp.ones((6, 2)), jnp.ones(6, bool))
ALL = {"knn": KNN(5).build(), "prototype": Prototype().build(), "softmax": Softmax(epochs=40, batch_size=256).build()}


@pytest.fixture
def data(random):
    """120 rows of six overlapping classes, and 40 queries."""
    y = np.concatenate([np.arange(6), random.integers(0, 6, 114)]).astype(np.int32)
    centres = random.normal(size=(6, 5))
    x = np.float32(centres[y] + random.normal(size=(120, 5)))
    return jnp.array(x), jnp.array(y), jnp.array(np.float32(random.normal(size=(40, 5)) * 1.5))


def scores(classifier, x, y, w, queries, candidates=None):
    candidates = jnp.arange(6) if candidates is None else jnp.array(candidates)
    fitted = jax.jit(classifier.fit)(jax.random.key(0), x, y, jnp.int32(w), CLASSES)
    return np.asarray(jax.jit(classifier.logits)(fitted, queries, candidates))


def votes(logits):
    """The whole votes behind the logits of neighbours."""
    return np.round(np.expm1(logits))


@pytest.mark.parametrize("name", ALL)
def test_a_row_of_weight_two_is_the_row_twice_and_of_weight_zero_is_none(data, random, name):
    """Votes are exactly equal; sums of other order (similarities, means, full-batch gradients) up to rounding."""
    x, y, queries = data
    w = random.integers(0, 3, 120)
    w[np.cumsum(w) > 120] = 0
    rows = np.repeat(np.arange(120), w)
    weighted = scores(ALL[name], x, y, w, queries)
    repeated = scores(ALL[name], x[rows], y[rows], np.ones(len(rows)), queries)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5, atol=1e-5)
    if name == "knn":
        np.testing.assert_array_equal(votes(weighted), votes(repeated))


@pytest.mark.parametrize("name", ALL)
def test_absent_rows_may_hold_anything(data, name):
    x, y, queries = data
    w = np.arange(120) % 3 > 0
    garbage_x, garbage_y = x.at[::3].set(1e6), y.at[::3].set(-1)
    kept = scores(ALL[name], x, y, w, queries)
    np.testing.assert_array_equal(scores(ALL[name], garbage_x, garbage_y, w, queries), kept)


@pytest.mark.parametrize("name", ALL)
def test_permuting_the_classes_permutes_the_scores(data, random, name):
    x, y, queries = data
    renamed = random.permutation(6)
    one = scores(ALL[name], x, y, np.ones(120), queries)
    two = scores(ALL[name], x, jnp.array(renamed)[y], np.ones(120), queries)
    np.testing.assert_allclose(two[:, renamed], one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["prototype", "softmax"])
def test_candidates_choose_and_order_the_columns(data, name):
    x, y, queries = data
    every = scores(ALL[name], x, y, np.ones(120), queries)
    np.testing.assert_allclose(
        scores(ALL[name], x, y, np.ones(120), queries, [4, 1]), every[:, [4, 1]], rtol=1e-5, atol=1e-6
    )


def test_neighbours_of_candidates_alone_vote(data):
    x, y, queries = data
    kept = np.isin(y, [1, 4])
    asked = scores(ALL["knn"], x, y, np.ones(120), queries, [4, 1])
    alone = scores(ALL["knn"], x[kept], y[kept], np.ones(kept.sum()), queries, [4, 1])
    np.testing.assert_allclose(asked, alone, rtol=1e-6)
    np.testing.assert_array_equal(votes(asked).sum(1), 5)


@pytest.mark.parametrize("blocks", [(256, 8192), (7, 11), (1, 120)])
def test_knn_agrees_with_scikit_learn_in_blocks_of_any_size(data, monkeypatch, blocks):
    x, y, queries = data
    monkeypatch.setattr(knn_file, "_QUERIES", blocks[0])
    monkeypatch.setattr(knn_file, "_REFERENCES", blocks[1])
    theirs = KNeighborsClassifier(9, metric="cosine").fit(x, y).predict_proba(queries)
    np.testing.assert_array_equal(votes(scores(knn(9), x, y, np.ones(120), queries)), np.round(9 * theirs))


def test_knn_breaks_ties_by_similarity():
    """Two votes each: the class whose voters are closer wins, whichever index it has."""
    angles = np.array([0.1, -0.3, 0.2, -0.25])
    x = jnp.array(np.stack([np.cos(angles), np.sin(angles)], 1), jnp.float32)
    queries = jnp.array([[1.0, 0.0]])
    for y, winner in (([0, 0, 1, 1], 0), ([1, 1, 0, 0], 1)):
        found = scores(knn(4), x, jnp.array(y), np.ones(4), queries, [0, 1])
        assert found.argmax() == winner
        np.testing.assert_array_equal(votes(found), [[2, 2]])


def test_similarity_never_outvotes_a_neighbour():
    """Three opposite voters (cosine -1) against two identical ones."""
    x = jnp.array([[-1.0, 0.0]] * 3 + [[1.0, 0.0]] * 2)
    found = scores(knn(5), x, jnp.array([0, 0, 0, 1, 1]), np.ones(5), jnp.array([[1.0, 0.0]]), [0, 1])
    assert found.argmax() == 0


def test_knn_with_fewer_rows_than_neighbours_counts_them_all(data):
    x, y, queries = data
    w = np.zeros(120)
    w[:3] = [1, 2, 1]
    found = scores(knn(20), x, y, w, queries)
    np.testing.assert_array_equal(votes(found).sum(1), 4)


def test_prototype_agrees_with_scikit_learn(data):
    x, y, queries = data
    theirs = NearestCentroid().fit(x, y).predict(queries)
    found = scores(prototype(), x, y, np.ones(120), queries)
    np.testing.assert_array_equal(found.argmax(1), theirs)
    empty = scores(prototype(), x, y, np.asarray(y) != 2, queries)
    assert np.isneginf(empty[:, 2]).all()
    of_kept = prototype().fit(jax.random.key(0), x, y, jnp.int32(np.asarray(y) != 2), CLASSES)
    head = prototype().head
    assert head is not None
    from_head = scores_of(jax.tree.map(np.asarray, head(of_kept, jnp.arange(6))), np.asarray(queries), 6)
    np.testing.assert_array_equal(from_head.argmax(1), empty.argmax(1))
    assert np.isneginf(from_head[:, 2]).all()


def test_nearest_prototypes_far_from_zero(data):
    """Features 1,000 away from zero: scores differ as in float64, and those of the linear head, classes added to it."""
    x, y, queries = (np.asarray(array) for array in data)
    far, far_queries = (np.asarray(array + 1000, np.float32) for array in (x, queries))
    mean = np.stack([far[y == c].mean(0, dtype=np.float64) for c in range(6)])
    expected = -((far_queries[:, None].astype(np.float64) - mean) ** 2).sum(-1) / 2
    found = scores(prototype(), jnp.array(far), jnp.array(y), np.ones(120), jnp.array(far_queries))

    def relative(values):
        return values - values[:, :1]

    np.testing.assert_allclose(relative(found), relative(expected), atol=2e-3)
    method = prototype()
    assert method.head is not None
    of_all, of_first = (
        jax.tree.map(
            np.asarray,
            method.head(
                method.fit(jax.random.key(0), far[kept], y[kept], kept[kept].astype(np.int32), CLASSES), columns
            ),
        )
        for kept, columns in ((y >= 0, np.array([4, 5])), (y < 4, np.arange(4)))
    )
    grown = joined(of_first, of_all, 4)
    np.testing.assert_allclose(relative(scores_of(grown, far_queries, 6)), relative(expected), atol=0.02)


def test_softmax_reaches_the_maximum_likelihood_of_logistic_regression(data):
    x, y, queries = data
    theirs = LogisticRegression(C=np.inf, max_iter=5000, tol=1e-8).fit(x, y)
    hyper = Softmax(epochs=3000, learning_rate=2e-2, batch_size=120)
    found = scores(softmax(hyper), x, y, np.ones(120), queries)
    probabilities = np.exp(found - found.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, theirs.predict_proba(queries), atol=2e-3)


def test_softmax_in_minibatches_follows_the_gradient_in_expectation(data, random):
    """The mean minibatch gradient at the start, over many shuffles, is the weighted full gradient."""
    x, y, _ = data
    w = random.integers(0, 3, 120)
    w[np.cumsum(w) > 120] = 0
    rows = np.repeat(np.arange(120), w)
    from jzsl.training.epochs import run_epochs

    def loss(weight, chosen, valid):
        entropy = optax.softmax_cross_entropy_with_integer_labels(x[chosen] @ weight, y[chosen])
        return jnp.sum(valid * entropy) / 16

    def step(carry, key, chosen, valid):
        return carry + jax.grad(loss)(jnp.zeros((5, 6)), chosen, valid), {"count": jnp.sum(valid)}

    total, metrics = run_epochs(step, jnp.zeros((5, 6)), jax.random.key(0), jnp.int32(w), jnp.int32(0), 3, 16)
    full = jax.grad(loss)(jnp.zeros((5, 6)), jnp.array(rows), jnp.ones(len(rows)))
    np.testing.assert_allclose(total, 3 * full, rtol=1e-4, atol=1e-5)
    assert float(metrics["count"]) * -(-len(rows) // 16) == pytest.approx(len(rows))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: KNN(0), "neighbours"),
        (lambda: Softmax(epochs=0), "epochs"),
        (lambda: Softmax(learning_rate=0), "learning_rate"),
        (lambda: Softmax(batch_size=-1), "batch_size"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=field):
        make()


def test_candidates_in_numpy_under_a_map():
    """As an ensemble outside of a compiled function has them: its replicas are mapped, candidates are not."""
    columns, known = jax.lax.map(lambda y: column_of(y, np.array([7, 3])), jnp.array([[3, 7, 5], [7, 7, 3]]))
    np.testing.assert_array_equal(known, [[True, True, False], [True, True, True]])
    np.testing.assert_array_equal(jnp.where(known, columns, -1), [[1, 0, -1], [0, 0, 1]])
