"""A method of feature vectors on images: it sees the features of a network that stays as it is."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.interfaces import Method, MethodConfig, Task
from jzsl.keys import stream
from jzsl.methods.exem import EXEM
from jzsl.nets.in_blocks import pooled_features
from jzsl.nets.network import NetworkConfig, Variables
from jzsl.nets.resnet import ResNet
from jzsl.training.minibatch import first_image
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class OnFeatures:
    """Another method on the pooled features of a network: pre-trained, of the stage before, or random.

    Features are computed whenever they are needed, without a file: for methods that read them often `jzsl features`
    writes them once.
    """

    network: NetworkConfig = ResNet()
    """images to features; after a stage, the network of that stage"""
    method: MethodConfig = EXEM()
    """of the features"""

    def build(self, task: Task) -> Method:
        return on_features(self, self.method.build(task))


class OnFeaturesState(NamedTuple):
    """The network's variables, and the method's own state."""

    variables: Variables
    inner: Any


class OnFeaturesPredictor(NamedTuple):
    """The network's variables, and the method's own predictor."""

    variables: Variables
    inner: Any


def on_features(hyper: OnFeatures, method: Method) -> Method:
    """The method on features by running statistics; it generates no images, and has no head on pixels."""
    network = hyper.network.build()

    def seen(variables: Variables, pool: Pool) -> Pool:
        return pool._replace(x=pooled_features(network, variables, jnp.asarray(pool.x)), observed=None)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> OnFeaturesState:
        variables = network.init(stream(key, "parameters"), first_image(pool))
        return OnFeaturesState(variables, method.init(stream(key, "method"), seen(variables, pool), classes))

    def fit(
        state: OnFeaturesState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[OnFeaturesState, Metrics]:
        inner, metrics = method.fit(state.inner, seen(state.variables, pool), classes, epochs, total)
        return state._replace(inner=inner), metrics

    def predictor(
        state: OnFeaturesState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]
    ) -> OnFeaturesPredictor:
        made = method.predictor(state.inner, seen(state.variables, pool), classes, unseen)
        return OnFeaturesPredictor(state.variables, made)

    def logits(trained: OnFeaturesPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Float[Array, "m k"]:
        return method.logits(trained.inner, pooled_features(network, trained.variables, x), candidates)

    def embedding(trained: OnFeaturesPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Embedding:
        assert method.embedding is not None
        return method.embedding(trained.inner, pooled_features(network, trained.variables, x), candidates)

    def relabel(key: Key[Array, ""], state: OnFeaturesState, changed: Any) -> OnFeaturesState:
        return state._replace(inner=method.relabel(key, state.inner, changed))

    def adopt(key: Key[Array, ""], state: OnFeaturesState, earlier: Any) -> OnFeaturesState:
        del key
        return state._replace(variables=earlier.variables)

    return Method(
        init,
        fit,
        predictor,
        logits,
        relabel=relabel,
        embedding=None if method.embedding is None else embedding,
        adopt=adopt,
        takes_soft=method.takes_soft,
        takes_images=True,
        whole_pool=True,
        batch_size=method.batch_size,
        closed_form=method.closed_form,
        pretraining=network.pretraining,
    )
