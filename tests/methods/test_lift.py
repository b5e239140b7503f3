"""A lifted method is the method, in a larger state."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.methods.lift import lift
from jzsl.methods.s2v import S2V
from jzsl.tasks.gzsl import GZSL


class Larger(NamedTuple):
    inner: Any
    key: Any


CONFIGS = {
    "s2v": S2V(hidden=8, batch_size=16),
    "abp": Generative(ABP(hidden=8, latent=2, batch_size=16, langevin_steps=2), per_class=5),
}


def values(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


@pytest.mark.parametrize("name", CONFIGS)
def test_every_function_and_flag_is_the_methods_own(pool, classes, view, name):
    method = CONFIGS[name].build(GZSL())
    lifted = lift(
        method,
        lambda key, inner: Larger(inner, key),
        lambda state: state.inner,
        lambda state, inner: state._replace(inner=inner),
    )
    given = {field for field in method._fields if getattr(method, field) is not None}
    assert given == {field for field in lifted._fields if getattr(lifted, field) is not None}
    assert (lifted.takes_soft, lifted.whole_pool) == (method.takes_soft, method.whole_pool)
    key, changed = jax.random.key(0), jnp.arange(len(pool.x)) < 5
    plain, larger = method.init(key, pool, classes), lifted.init(key, pool, classes)
    assert (jax.random.key_data(larger.key) == jax.random.key_data(key)).all()
    plain, larger = (one.fit(state, pool, classes, 1, 1)[0] for one, state in ((method, plain), (lifted, larger)))
    plain, larger = method.relabel(key, plain, changed), lifted.relabel(key, larger, changed)
    made = [one.predictor(state, pool, classes, view.unseen) for one, state in ((method, plain), (lifted, larger))]
    for one, two in zip(jax.tree.leaves((plain, made[0])), jax.tree.leaves((larger.inner, made[1])), strict=True):
        np.testing.assert_array_equal(values(one), values(two))
    if method.sample is not None and lifted.sample is not None:
        own, through = (method.sample(key, plain, classes.semantics), lifted.sample(key, larger, classes.semantics))
        np.testing.assert_array_equal(own, through)
