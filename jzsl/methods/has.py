"""HAS: zero-shot learning by harnessing adversarial samples (Chen et al. 2023)."""

from dataclasses import dataclass

from jzsl.errors import require_share
from jzsl.interfaces import Method, Task
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN, attribute_prototype_network
from jzsl.methods.attribute_descent import Perturbation


@dataclass(frozen=True)
class HAS:
    """An APN that trains on each minibatch, then on the same images perturbed by the model (algorithm 1).

    Where the APN composes images (`mix`), the perturbed ones are single, each of its own class.
    """

    apn: APN = APN()
    """the model and its training"""
    samples: AdversarialSamples = AdversarialSamples()
    """how images are perturbed; with zero steps HAS is APN"""
    probability: float = 1.0
    """of a minibatch to be perturbed: 1 in the paper, 0.5 in public code"""

    def __post_init__(self):
        require_share(self, "probability")

    def build(self, task: Task) -> Method:
        del task  # the same heads serve both tasks
        if not self.samples.steps or not self.probability:
            return attribute_prototype_network(self.apn)
        perturb = self.samples.build(self.apn.network.build(), self.apn.pooling)
        return attribute_prototype_network(self.apn, Perturbation(perturb, self.probability))
