"""A supervised classifier of images: a network with batch normalisation, and class weights on its features."""

from dataclasses import dataclass
from typing import Annotated

from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.methods.image_descent import Parts, adopt
from jzsl.methods.losses import LossConfig, SoftmaxLoss
from jzsl.nets.adabn import AdaBN
from jzsl.nets.network import BatchNormPolicy, NetworkConfig, learned_blocks, policies
from jzsl.nets.small_cnn import SmallCNN
from jzsl.packages import PartsIn
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.mixture import MixConfig
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.optimizer import OptimizerConfig


@dataclass(frozen=True)
class ImageClassifier:
    """A network and class weights, trained by cross-entropy on labelled samples."""

    network: NetworkConfig = SmallCNN()
    """images to features"""
    loss: LossConfig = SoftmaxLoss()
    """the logits whose cross-entropy is minimised: SoftmaxLoss, AVHLoss"""
    augment: AugmentConfig = Sequence()
    """changes each training image at random; Sequence(parts=(...)) does several things in turn"""
    mix: Annotated[MixConfig | None, PartsIn("jzsl.training.augment")] = None
    """composes training images and their labels: MixUp, CutMix, RICAP; not with AdaBN, whose domains they would mix.
    None: they stay single"""
    optimizer: OptimizerConfig = Adam()
    """Adam, SGD, with a schedule of the learning rate"""
    learned: tuple[str, ...] | None = None
    """blocks of the network that learn, by how their names start, such as stage4; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.running
    """batch normalisation in the other blocks"""
    adabn: AdaBN | None = None
    """statistics of their own for the samples that have no label when training begins, some of which there must be;
    None: no sample has"""
    batch_size: int = 64
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "batch_size")
        if self.mix is not None and self.adabn is not None:
            raise InputError(
                f"mix: {type(self.mix).__name__} found beside adabn, expected one of the two: an image composed of "
                "both domains is in none of them, so neither has statistics for it"
            )

    def build(self, task: Task) -> Method:
        if task.unseen:
            raise InputError(
                f"method: ImageClassifier knows no unseen class, so it has no answer to the task {task.name}"
            )
        return image_classifier(self)


def image_classifier(hyper: ImageClassifier) -> Method:
    """Minimises -sum_k y_k log p(k | x) over the labelled samples, y one-hot, soft labels or a mixture of either.

    Training normalises by each minibatch's statistics, padding left out; predictions by the running ones, with AdaBN
    by those of the target domain. These are estimated before the first epoch, too, for blocks that do not learn.
    """
    network = hyper.network.build()
    learned = learned_blocks(network, hyper.learned)
    parts = Parts(
        network,
        hyper.optimizer.build(),
        hyper.loss.build(),
        hyper.augment.build(),
        None if hyper.mix is None else hyper.mix.build(),
        learned,
        policies(network.blocks, learned, hyper.others),
        hyper.adabn,
        hyper.batch_size,
    )
    return Method(
        parts.init,
        parts.fit,
        parts.predictor,
        parts.logits,
        embedding=parts.embedding,
        adopt=adopt,
        takes_soft=True,
        takes_images=True,
        whole_pool=hyper.adabn is not None,
        batch_size=hyper.batch_size,
        needs_unlabelled=None if hyper.adabn is None else "adabn",
        pretraining=network.pretraining,
    )
