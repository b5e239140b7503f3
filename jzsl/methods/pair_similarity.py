"""The similarity of KCL and MCL: a network that has learned which labelled samples are of one class.

Hsu et al., 2018, call it the similarity prediction network; see `learning_to_cluster` for departures.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.classifiers.softmax import Linear
from jzsl.keys import stream
from jzsl.methods.headed import Embed, HeadedState, Samples, Trained, linear, scores, train
from jzsl.nets.network import BatchNormPolicy, Variables, learned_blocks, split
from jzsl.training.augment.augment import Augment
from jzsl.training.epochs import epoch_order
from jzsl.training.minibatch import minibatch
from jzsl.training.network_descent import Position
from jzsl.training.pair_losses.pair_loss import mean_over
from jzsl.training.similarities.similarity import others
from jzsl.types import ClassTable, Metrics, Pool


class PairHead(NamedTuple):
    """Scores how much an ordered pair is of one class, from both features in one vector: one hidden layer, ReLU."""

    hidden: Linear
    score: Linear


class SimilarityNetwork(NamedTuple):
    """The network that says which samples are of one class; it is fixed after it has learned labelled pairs."""

    variables: Variables
    head: PairHead


class PairLearning(NamedTuple):
    """How a similarity is learned, and its functions.

    Attributes:
        trained: the network and how it learns.
        augment: makes a view of samples.
        epochs: passes over the labelled samples.
        threshold: probability of being of one class above which a pair is taken to be.
    """

    trained: Trained
    augment: Augment
    epochs: int
    threshold: float

    def taught(
        self,
        key: Key[Array, ""],
        similarity: SimilarityNetwork,
        known: Pool,
        classes: ClassTable,
        epochs: Int[Array, ""],
    ) -> SimilarityNetwork:
        """The similarity after so many epochs of labelled pairs; as it is after none."""
        variables, head = similarity
        learned = learned_blocks(self.trained.network, self.trained.learned)
        moments = self.trained.optimizer.init((split(variables["params"], learned)[0], head))
        state = HeadedState(variables, head, moments, key, jnp.int32(0))
        state, _ = train(self.trained, self.loss, state, known, classes, epochs, self.epochs)
        return SimilarityNetwork(state.variables, state.heads)

    def loss(
        self,
        head: PairHead,
        variables: Variables,
        embed: Embed,
        key: Key[Array, ""],
        samples: Samples,
        classes: ClassTable,
        position: Position,
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """Binary cross-entropy of all ordered pairs of labelled samples, each with itself, too."""
        del classes, position
        x = self.augment(stream(key, "augmentation"), samples.x)
        features, variables = embed(variables, x, stream(key, "dropout"), samples.labelled)
        same = (samples.y[:, None] == samples.y).astype(jnp.float32)
        losses = optax.sigmoid_binary_cross_entropy(pair_scores(head, features), same)
        loss = mean_over(samples.labelled[:, None] * samples.labelled, losses)
        return loss, (variables, {"loss": loss})

    def probabilities(self, similarity: SimilarityNetwork, x: Float[Array, "b *s"]) -> Float[Array, "b b"]:
        """That the samples of a pair are of one class, by running statistics."""
        outputs, _ = self.trained.network.apply(similarity.variables, x, BatchNormPolicy.running, None)
        return jax.nn.sigmoid(pair_scores(similarity.head, outputs.features))

    def quality(self, key: Key[Array, ""], similarity: SimilarityNetwork, known: Pool) -> Metrics:
        """Accuracy, precision and recall of the similarity for pairs of a minibatch of the labelled samples."""
        order, used = epoch_order(key, known.w)
        indices = order[: self.trained.batch_size]
        x, _, y = minibatch(known, indices)
        counts = others(jnp.arange(len(indices)) < used)
        connected = (self.probabilities(similarity, x) > self.threshold) & counts
        same = (y[:, None] == y) & counts
        right = jnp.sum(connected & same)
        return {
            "similarity_accuracy": jnp.sum((connected == same) & counts) / jnp.maximum(jnp.sum(counts), 1),
            "similarity_precision": right / jnp.maximum(jnp.sum(connected), 1),
            "similarity_recall": right / jnp.maximum(jnp.sum(same), 1),
        }


def pair_head(key: Key[Array, ""], size: int, hidden: int) -> PairHead:
    """The head before training, for features of a size."""
    return PairHead(linear(stream(key, "hidden"), 2 * size, hidden), linear(stream(key, "score"), hidden, 1))


def pair_scores(head: PairHead, features: Float[Array, "b e"]) -> Float[Array, "b b"]:
    """The score of each ordered pair (i, j), from the vector (f_i, f_j).

    The hidden layer's input is f_i W_1 + f_j W_2, so that no array holds the vectors of all pairs. Its activations are
    computed for one i at a time, and anew for the gradient: those of all pairs fill no memory, and on a CPU small
    arrays are far faster.
    """
    size = features.shape[1]
    left = features @ head.hidden.weight[:size] + head.hidden.bias
    right = features @ head.hidden.weight[size:]

    @jax.checkpoint
    def row(of_first: Float[Array, " h"]) -> Float[Array, " b"]:
        return scores(head.score, jax.nn.relu(of_first + right))[:, 0]

    return jax.lax.map(row, left)
