"""Every selector, the README's own included, through the same tests: budget, eligibility, names of classes, traces."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.self_training.priors.known import Known
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.selection.all import AllSamples
from jzsl.self_training.selection.cbst import CBST
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.pn_cfbs_avc import PNCFBSAVC
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.types import Predictions, SelectionRequest
from jzsl.verbs.part_classes import classes_in

SAMPLES, CLASSES = 60, 4
SHARES = (0.413, 0.291, 0.187, 0.109)  # no two classes equally hard
README = (Path(__file__).parents[2] / "README.md").read_text()
EXAMPLE: dict = {"__name__": "entropy"}
exec(
    next(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "class LowestEntropy" in block), EXAMPLE
)

SELECTORS = {
    "random": RandomSampling(),
    "all": AllSamples(),
    "confidence": TopConfidence(),
    "cfbs": CFBS(0.5),
    "pn_cfbs": PNCFBS(0.5, Known(SHARES)),
    "pn_cfbs_avc": PNCFBSAVC(0.5, Uniform()),
    "cbst": CBST(),
    "cbst_avh": CBSTAVH(),
    "crst": CRST(),
    "crst, lrent": CRST(mrkld=0.0),
    "crst, mrkld": CRST(lrent=0.0),
    "readme": EXAMPLE["LowestEntropy"](),
}
EXACT = {"random", "confidence", "cfbs", "pn_cfbs", "pn_cfbs_avc", "readme"}
"""Those whose multiplicities add up to the budget; the others take whole shares of classes."""
DRAWN = {"random", "confidence", "cfbs", "pn_cfbs"}
"""Those that draw samples or break ties by random numbers, a number per position."""


def predictions_of(seed=6, eligible=None):
    random = np.random.default_rng(seed)
    scores = jnp.float32(random.normal(size=(SAMPLES, CLASSES)) * 2 + np.array([1.0, 0.5, 0.0, -1.0]))
    angle = jnp.float32(random.uniform(0, np.pi, (SAMPLES, CLASSES)))
    return Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32), eligible, angle)


def select(config, predictions, n, seed=0, shares=SHARES):
    selector = config.build()
    request = SelectionRequest(jnp.float32(shares), n)
    return jax.jit(selector.select)(jax.random.key(seed), selector.parameters(CLASSES), predictions, request)


def test_no_selector_is_left_out():
    """Every dataclass of the package that builds a selector stands in the table above."""
    assert {type(config) for config in SELECTORS.values()} >= set(classes_in("jzsl.self_training.selection"))


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize("n", [0, 1, 17, SAMPLES])
def test_budget(name, n):
    """Exact, or within the samples that whole shares of classes may hold; none where none is asked for."""
    selected = select(SELECTORS[name], predictions_of(), n)
    assert selected.multiplicity.dtype == jnp.int32
    assert int(selected.multiplicity.min()) >= 0
    total = int(selected.multiplicity.sum())
    assert total == n if name in EXACT or n == 0 else 0 <= total <= SAMPLES
    assert selected.label.shape == (SAMPLES,)
    assert (selected.label >= 0).all()
    assert (selected.label < CLASSES).all()
    if selected.soft is not None:
        assert selected.soft.shape == (SAMPLES, CLASSES)
        assert (selected.soft >= 0).all()


@pytest.mark.parametrize("name", SELECTORS)
def test_only_eligible_samples_are_selected(name):
    """And the others change nothing: they might as well not be there."""
    eligible = np.random.default_rng(5).uniform(size=SAMPLES) < 0.6
    predictions = predictions_of(eligible=jnp.array(eligible))
    n = int(eligible.sum()) // 2
    selected = np.asarray(select(SELECTORS[name], predictions, n).multiplicity)
    assert selected[~eligible].sum() == 0
    assert selected.sum() > 0
    none_eligible = predictions._replace(eligible=jnp.zeros(SAMPLES, bool))
    assert int(select(SELECTORS[name], none_eligible, 0).multiplicity.sum()) == 0
    if name not in DRAWN:
        alone = jax.tree.map(lambda part: jnp.asarray(part)[eligible], predictions)
        np.testing.assert_array_equal(selected[eligible], select(SELECTORS[name], alone, n).multiplicity)


@pytest.mark.parametrize("name", SELECTORS)
def test_the_order_of_the_classes_does_not_matter(name):
    """Classes in another order: as many samples of each class, and the same ones unless they are drawn."""
    order = np.array([2, 0, 3, 1])
    predictions = predictions_of()
    column = np.argsort(order)  # of each class in the other order
    moved = Predictions(
        predictions.scores[:, order], jnp.int32(column)[predictions.label], None, predictions.angles[:, order]
    )
    one = select(SELECTORS[name], predictions, 24)
    two = select(SELECTORS[name], moved, 24, shares=tuple(np.array(SHARES)[order]))
    chosen_one, chosen_two = np.asarray(one.multiplicity), np.asarray(two.multiplicity)
    if name not in DRAWN - {"random", "confidence"}:
        np.testing.assert_array_equal(chosen_one, chosen_two)
        np.testing.assert_array_equal(column[np.asarray(one.label)], two.label)
    for k in range(CLASSES):
        of_class = np.asarray(predictions.label) == k
        assert chosen_one[of_class].sum() == chosen_two[of_class].sum()


@pytest.mark.parametrize("name", SELECTORS)
def test_one_compilation_serves_every_budget_and_parameter(name):
    selector, traces = SELECTORS[name].build(), []

    @jax.jit
    def counted(key, parameters, predictions, request):
        traces.append(1)
        return selector.select(key, parameters, predictions, request)

    for n, classes in ((0, 1), (5, 4), (30, 2)):
        request = SelectionRequest(jnp.float32(SHARES), jnp.int32(n))
        counted(jax.random.key(n), selector.parameters(classes), predictions_of(n), request)
    assert len(traces) == 1
