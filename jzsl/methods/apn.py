"""APN: the Attribute Prototype Network (Xu et al. 2020), as HAS (Chen et al. 2023, section 3.2) takes it."""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from jzsl.cosine import unit
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.attribute_descent import Descent, Parts, Perturbation, with_params
from jzsl.methods.attribute_prototypes import Heads, Pooling, attention_maps, attributes_of, heads_of
from jzsl.nets.in_blocks import in_blocks
from jzsl.nets.network import BatchNormPolicy, NetworkConfig, Variables, learned_blocks, split
from jzsl.nets.small_cnn import SmallCNN
from jzsl.packages import PartsIn
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.mixture import MixConfig
from jzsl.training.minibatch import first_image, labelled, scaled
from jzsl.training.network_descent import Learning, run_updates
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class APN:
    """Classes by the attributes of an image, and a map of each attribute."""

    network: NetworkConfig = SmallCNN()
    """images to maps"""
    pooling: Pooling = "average"
    """of the global head; public code takes the maximum for CUB"""
    local_weight: float = 1.0
    """of the local head's loss (eq. 2) beside the cross-entropy"""
    optimizer: OptimizerConfig = Adam(1e-4, beta1=0.5)
    """Adam, SGD, with a schedule of the learning rate: constant by default, times 0.8 every ten epochs in the paper"""
    heads_optimizer: OptimizerConfig | None = None
    """of the two heads; None: as `optimizer`"""
    augment: AugmentConfig = Sequence()
    """changes each training image at random; Sequence(parts=(...)) does several things in turn"""
    mix: Annotated[MixConfig | None, PartsIn("jzsl.training.augment")] = None
    """MixUp, CutMix or RICAP: composes the images of a minibatch; those that are perturbed for HAS stay uncomposed"""
    learned: tuple[str, ...] | None = None
    """blocks of the network that learn, by how their names start, such as stage4; None: all"""
    batch_norm: BatchNormPolicy = BatchNormPolicy.train
    """batch normalisation in the blocks that learn; running statistics suit a pre-trained network and few images"""
    others: BatchNormPolicy = BatchNormPolicy.running
    """batch normalisation in the other blocks"""
    warmup: int = 0
    """first epochs in which the heads alone learn, and batch normalisation uses the running statistics; 5 in public
    code, for networks that are pre-trained; none in the paper. HAS perturbs images in them, too"""
    batch_size: int = 64
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "batch_size")
        for name in ("local_weight", "warmup"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}: {getattr(self, name)} found, expected zero or more")

    def build(self, task: Task) -> Method:
        del task  # the same heads serve both tasks
        return attribute_prototype_network(self)


class APNState(NamedTuple):
    """The network's variables, the heads, the optimizers' moments for both, base key and epochs done."""

    variables: Variables
    heads: Heads
    moments: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


class APNPredictor(NamedTuple):
    """The network's variables, the heads, the semantics of all classes, of unit length, and which are seen classes."""

    variables: Variables
    heads: Heads
    semantics: Float[Array, "c a"]
    seen: Bool[Array, " c"]


def attribute_prototype_network(hyper: APN, perturbation: Perturbation | None = None) -> Method:
    """Minimises the cross-entropy over the classes with labelled samples (eq. 1) and the localisation loss (eq. 2).

    A candidate scores g(x)'V phi(y) (eq. 8). Training normalises by each minibatch's statistics, padding left out,
    where `batch_norm` does not say otherwise; predictions by the running ones. `adopt` takes the network over from the
    stage before, and the heads where that was an APN, too. Public code departs from the paper: it takes the softmax
    twice, also takes a cross-entropy of the local head, and averages the squared errors over attributes; none of it is
    done here. An image that is composed of several weighs their cross-entropies by their shares, and its attributes are
    the mean of theirs: up to a constant, that is the localisation loss of each by its share.
    """
    parts = _parts(hyper)
    network, learned = parts.network, parts.learned

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> APNState:
        attributes = classes.required_semantics.shape[1]
        image = first_image(pool)
        variables = network.init(stream(key, "parameters"), image)
        outputs, _ = jax.eval_shape(lambda x: network.apply(variables, x, BatchNormPolicy.running, None), image)
        heads = heads_of(stream(key, "heads"), outputs.features.shape[-1], attributes)
        params, _ = split(variables["params"], learned)
        moments = (parts.optimizer.init(params), parts.heads_optimizer.init(heads))
        return APNState(variables, heads, moments, key, jnp.int32(0))

    def fit(
        state: APNState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[APNState, Metrics]:
        pool, count = labelled(pool), classes.count
        semantics = unit(jnp.asarray(classes.required_semantics))
        present = jnp.zeros(count, bool).at[jnp.where(pool.w > 0, pool.y, count)].set(True, mode="drop")
        descent = Descent(parts, perturbation, pool, semantics, present)
        params, _ = split(state.variables["params"], learned)
        learning = Learning((params, state.heads), state.variables, state.moments)
        key = stream(state.key, "training")
        learning, metrics = run_updates(
            descent.update, learning, key, pool.w, state.epoch, epochs, total, hyper.batch_size
        )
        (params, heads), variables, moments = learning
        return APNState(with_params(variables, params), heads, moments, state.key, state.epoch + epochs), metrics

    def predictor(state: APNState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> APNPredictor:
        del pool, unseen
        semantics = unit(jnp.asarray(classes.required_semantics))
        return APNPredictor(state.variables, state.heads, semantics, jnp.asarray(classes.seen))

    def embedding(trained: APNPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Embedding:
        def predicted(images):
            return attributes_of(network, hyper.pooling, trained.variables, trained.heads, scaled(images))[0].predicted

        return Embedding(in_blocks(predicted, x), trained.semantics[candidates])

    def logits(trained: APNPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Float[Array, "m k"]:
        model = embedding(trained, x, candidates)
        return model.x @ model.weights.T

    def attention(trained: APNPredictor, x: Num[Any, "m *s"]) -> Float[Array, "m i j a"]:
        return attention_maps(network, trained.variables, trained.heads, scaled(x))

    def perturb(trained: APNPredictor, x: Num[Any, "m *s"], y: Int[Any, " m"]) -> Float[Array, "m *s"]:
        assert perturbation is not None
        return perturbation.perturb(trained.variables, trained.heads, scaled(x), y, trained.semantics, trained.seen)

    def adopt(key: Key[Array, ""], state: APNState, earlier: Any) -> APNState:
        del key
        heads = earlier.heads if isinstance(earlier, APNState) else state.heads
        return state._replace(variables=earlier.variables, heads=heads)

    return Method(
        init,
        fit,
        predictor,
        logits,
        embedding=embedding,
        attention=attention,
        perturb=None if perturbation is None else perturb,
        adopt=adopt,
        takes_images=True,
        batch_size=hyper.batch_size,
        pretraining=network.pretraining,
    )


def _parts(hyper: APN) -> Parts:
    network = hyper.network.build()
    optimizer = hyper.optimizer.build()
    learned = learned_blocks(network, hyper.learned)
    return Parts(
        network,
        optimizer,
        optimizer if hyper.heads_optimizer is None else hyper.heads_optimizer.build(),
        hyper.augment.build(),
        None if hyper.mix is None else hyper.mix.build(),
        learned,
        {name: hyper.batch_norm if name.startswith(learned) else hyper.others for name in network.blocks},
        hyper.pooling,
        hyper.local_weight,
        hyper.warmup,
        hyper.batch_size,
    )
