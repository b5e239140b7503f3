"""Generative zero-shot learning: learn to generate features, generate unseen classes, then classify as usual."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.softmax import Softmax
from jzsl.errors import InputError, require_positive
from jzsl.generators.abp import ABP
from jzsl.generators.generator import Generator, GeneratorConfig
from jzsl.interfaces import Classifier, ClassifierConfig, Method, Task
from jzsl.keys import stream
from jzsl.training.minibatch import labelled
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class Generative:
    """A generator, and a classifier of its features for each task (ABP paper, section 4.1)."""

    generator: GeneratorConfig = ABP()
    zsl: ClassifierConfig = KNN()
    gzsl: ClassifierConfig = Softmax()
    per_class: int = 300
    """features to generate for each unseen class"""
    zsl_noise: bool = True
    """whether features generated for the zsl task carry the generator's observation noise (ABP paper, section 4.1)"""
    gzsl_noise: bool = True
    """the same for tasks that know seen classes, too"""
    classes_per_block: int | None = None
    """for very many classes: features are generated when they are needed, of so many classes at a time, and forgotten;
    None generates them all beforehand"""

    def __post_init__(self):
        require_positive(self, "per_class")
        if self.classes_per_block is not None:
            require_positive(self, "classes_per_block")

    def build(self, task: Task) -> Method:
        classifier, noise = (self.gzsl, self.gzsl_noise) if task.seen else (self.zsl, self.zsl_noise)
        if self.classes_per_block is not None:
            if task.seen:
                raise InputError("classes_per_block: given, but generated features are streamed for the zsl task alone")
            return streamed(self.generator.build(), classifier.build(), self.per_class, noise, self.classes_per_block)
        return generative(self.generator.build(), classifier.build(), self.per_class, noise, real_samples=task.seen)


class GenerativeState(NamedTuple):
    """The generator's state, and the key from which features are generated."""

    generator: Any
    key: Key[Array, ""]


def streamed(
    generator: Generator, classifier: Classifier, per_class: int, noise: bool, classes_per_block: int
) -> Method:
    """As `generative`, for the task that knows unseen classes only, with features that are never in memory together.

    Raises:
        InputError: if the classifier needs all samples.
    """
    if classifier.streamed is None:
        raise InputError(
            "classes_per_block: given, but this classifier needs all samples together; expected KNN or Softmax"
        )
    whole = generative(generator, classifier, per_class, noise, real_samples=False)

    def draw(key: Key[Array, ""], source: Any, y: Int[Array, " b"]) -> Float[Array, "b d"]:
        state, semantics = source
        return generator.sample(key, state, semantics[y], noise)

    stream_of = classifier.streamed(draw, per_class, classes_per_block)

    def predictor(state: GenerativeState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Any:
        del pool
        source = (state.generator, jnp.asarray(classes.required_semantics))
        return stream_of.fit(stream(state.key, "classifier"), source, jnp.asarray(unseen))

    return whole._replace(predictor=predictor, logits=stream_of.logits, embedding=None, head=None)


def generative(generator: Generator, classifier: Classifier, per_class: int, noise: bool, real_samples: bool) -> Method:
    """A method from any generator and any classifier.

    The classifier is trained on `per_class` generated features of each unseen class: on them alone for the task
    that knows unseen classes only, together with the pool's samples (`real_samples`) for the generalized one. `noise`
    says whether they carry the generator's observation noise.
    """

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> GenerativeState:
        return GenerativeState(generator.init(stream(key, "generator"), pool, classes), key)

    def fit(
        state: GenerativeState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[GenerativeState, Metrics]:
        trained, metrics = generator.fit(state.generator, pool, classes, epochs, total)
        return state._replace(generator=trained), metrics

    def predictor(state: GenerativeState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Any:
        y = jnp.repeat(unseen, per_class)
        x = generator.sample(stream(state.key, "generated"), state.generator, classes.required_semantics[y], noise)
        w = jnp.ones_like(y)
        if real_samples:
            pool = labelled(pool)
            x = jnp.concatenate([jnp.asarray(pool.x), x.astype(pool.x.dtype)])
            y = jnp.concatenate([pool.y, y])
            w = jnp.concatenate([pool.w, w])
        return classifier.fit(stream(state.key, "classifier"), x, y, w, classes)

    def relabel(key: Key[Array, ""], state: GenerativeState, changed: Bool[Array, " n"]) -> GenerativeState:
        return state._replace(generator=generator.relabel(key, state.generator, changed))

    def sample(key: Key[Array, ""], state: GenerativeState, semantics: Float[Array, "m a"]) -> Float[Array, "m d"]:
        return generator.sample(key, state.generator, semantics, noise)

    whole_pool = generator.whole_pool or real_samples
    return Method(
        init,
        fit,
        predictor,
        classifier.logits,
        relabel,
        sample,
        classifier.embedding,
        classifier.head,
        whole_pool=whole_pool,
        batch_size=generator.batch_size,
    )
