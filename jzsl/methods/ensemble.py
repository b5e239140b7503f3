"""A deep ensemble: replicas of one method that differ in their keys alone, trained by one program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.errors import require_positive
from jzsl.interfaces import Method, MethodConfig, Task
from jzsl.keys import stream
from jzsl.methods.s2v import S2V
from jzsl.types import ClassTable, Metrics, Pool, per_sample


@dataclass(frozen=True)
class Ensemble:
    """Several replicas of one method, whose scores are averaged."""

    method: MethodConfig = S2V()
    """the method"""
    replicas: int = 5
    """how many are trained, each with random numbers of its own"""

    def __post_init__(self):
        require_positive(self, "replicas")

    @property
    def needs_unlabelled(self) -> bool:
        """Whether the method needs samples of unseen classes in a pool of their own."""
        return getattr(self.method, "needs_unlabelled", False)

    def build(self, task: Task) -> Method:
        return ensemble(self.method.build(task), self.replicas)


def ensemble(method: Method, replicas: int) -> Method:
    """Scores 1 / R sum_r s_r: a geometric mean of the replicas' probabilities, up to a factor of the sample alone.

    A method's scores are log-probabilities up to a term of the sample alone, in the same units in every replica. Their
    mean has such a term, too, so it ranks classes in the same way whichever other classes are candidates, and takes
    calibration offsets as one replica does. A mean of probabilities would do neither: it weights replicas by their sums
    over the candidates. A score of -inf stays: a class that a replica rules out is out.

    Leaves of the state that hold one entry for each sample have the replicas on their second axis, others on their
    first, as have predictors. Metrics are means over the replicas.
    """

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> Any:
        keys = _keys(key, replicas)
        axes = _axes(jax.eval_shape(method.init, key, pool, classes))
        return _mapped(lambda one: method.init(one, pool, classes), (0,), axes)(keys)

    def fit(
        state: Any, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[Any, Metrics]:
        axes = _axes(state)
        trained, metrics = _mapped(lambda one: method.fit(one, pool, classes, epochs, total), (axes,), (axes, 0))(state)
        return trained, {name: jnp.mean(values) for name, values in metrics.items()}

    def predictor(state: Any, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Any:
        return _mapped(lambda one: method.predictor(one, pool, classes, unseen), (_axes(state),), 0)(state)

    def logits(predictor: Any, x: Float[Array, "m *s"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        return jnp.mean(_mapped(lambda one: method.logits(one, x, candidates), (0,), 0)(predictor), 0)

    def relabel(key: Key[Array, ""], state: Any, changed: Bool[Array, " n"]) -> Any:
        axes, keys = _axes(state), _keys(key, replicas)
        return _mapped(lambda one, part: method.relabel(one, part, changed), (0, axes), axes)(keys, state)

    def sample(key: Key[Array, ""], state: Any, semantics: Float[Array, "m a"]) -> Float[Array, "m *s"]:
        """The replicas take turns, so that samples of the mixture cost no more than one replica's."""
        draw = method.sample
        assert draw is not None
        count, keys = len(semantics), _keys(key, replicas)
        turns = -(-count // replicas)
        rows = jnp.arange(turns * replicas).reshape(turns, replicas) % count
        drawn = _mapped(draw, (0, _axes(state), 1), 1)(keys, state, jnp.asarray(semantics)[rows])
        return drawn.reshape(turns * replicas, *drawn.shape[2:])[:count]

    return Method(
        init,
        fit,
        predictor,
        logits,
        relabel,
        sample=None if method.sample is None else sample,
        takes_soft=method.takes_soft,
        takes_images=method.takes_images,
        whole_pool=method.whole_pool,
        batch_size=method.batch_size,
        closed_form=method.closed_form,
        needs_unlabelled=method.needs_unlabelled,
        pretraining=method.pretraining,
    )


def _keys(key: Key[Array, ""], replicas: int) -> Key[Array, " r"]:
    """The key of each replica, whatever the number of replicas."""
    return jax.vmap(lambda number: stream(key, "replica", number))(jnp.arange(replicas))


def _axes(state: Any) -> Any:
    """The axis of each leaf that numbers the replicas."""
    return jax.tree.map(int, per_sample(state))


def _mapped(function: Callable[..., Any], in_axes: Any, out_axes: Any) -> Callable[..., Any]:
    """`function` for every replica: vectorised on accelerators; one after another on a CPU, where the products of many
    small matrices are slower than those of a few large ones."""
    if jax.default_backend() != "cpu":
        return jax.vmap(function, in_axes, out_axes)

    def one_by_one(*arguments: Any) -> Any:
        results = jax.lax.map(lambda replica: function(*replica), _moved(arguments, in_axes, to_first=True))
        return _moved(results, out_axes, to_first=False)

    return one_by_one


def _moved(tree: Any, axes: Any, to_first: bool) -> Any:
    """Leaves whose replicas are on their given axis, on their first axis; or back."""
    axes = jax.tree.broadcast(axes, tree)

    def moved(leaf: Array, axis: int) -> Array:
        return jnp.moveaxis(leaf, axis, 0) if to_first else jnp.moveaxis(leaf, 0, axis)

    return jax.tree.map(moved, tree, axes)
