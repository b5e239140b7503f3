"""CFBS: hardness sampling by class frequency (STHS, section 3.2)."""

from dataclasses import dataclass

from jaxtyping import Array, Int, Key

from jzsl.self_training.parts import Selector, uniform_prior
from jzsl.self_training.selection.hard_classes import hard_class_count, require_share
from jzsl.self_training.selection.pn_cfbs import pn_cfbs
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class CFBS:
    """Samples of the classes that are predicted most rarely."""

    hard_class_fraction: float = 0.8
    """K, the number of hard classes, as a share of the classes (STHS: 0.8 on AWA2, 0.9 on CUB, 0.75 on SUN)"""

    def __post_init__(self):
        require_share(self.hard_class_fraction)

    def build(self) -> Selector:
        return Selector(cfbs, hard_class_count(self.hard_class_fraction))


def cfbs(
    key: Key[Array, ""], parameters: int | Int[Array, ""], predictions: Predictions, request: SelectionRequest
) -> Selected:
    """PN-CFBS with a uniform prior, whatever prior it is given."""
    return pn_cfbs(key, parameters, predictions, request._replace(prior=uniform_prior(len(request.prior))))
