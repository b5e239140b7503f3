"""A method on a state that contains the method's state, for methods that are made around another."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Key

from jzsl.interfaces import Method


def lift(
    method: Method,
    start: Callable[[Key[Array, ""], Any], Any],
    inner: Callable[[Any], Any],
    replaced: Callable[[Any, Any], Any],
) -> Method:
    """The same method, its state inside a larger one. Functions that it has not stay absent, flags stay as they are.

    Args:
        method: of the inner state.
        start: (key, inner state) -> the larger state before training; the key is the one that made the inner state.
        inner: the inner state of a larger one.
        replaced: (larger state, inner state) -> the larger state with this inner one.
    """

    def init(key, pool, classes):
        return start(key, method.init(key, pool, classes))

    def fit(state, pool, classes, epochs, total):
        trained, metrics = method.fit(inner(state), pool, classes, epochs, total)
        return replaced(state, trained), metrics

    def predictor(state, pool, classes, unseen):
        return method.predictor(inner(state), pool, classes, unseen)

    def relabel(key, state, changed):
        return replaced(state, method.relabel(key, inner(state), changed))

    def sample(key, state, semantics):
        assert method.sample is not None
        return method.sample(key, inner(state), semantics)

    def adopt(key, state, earlier):
        assert method.adopt is not None
        return replaced(state, method.adopt(key, inner(state), earlier))

    return method._replace(
        init=init,
        fit=fit,
        predictor=predictor,
        relabel=relabel,
        sample=None if method.sample is None else sample,
        adopt=None if method.adopt is None else adopt,
    )
