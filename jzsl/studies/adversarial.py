"""What the studies of HAS share: the method they take, its metrics, and what its perturbation changes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig
from jzsl.methods.apn import APN, APNPredictor
from jzsl.methods.attribute_prototypes import attributes_of, log_probabilities
from jzsl.methods.has import HAS
from jzsl.studies.runs import Runs, calibration_offset
from jzsl.studies.study import StudySetup
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

ON_TEST_CLASSES = "settings are compared on the test classes, to report them: none is chosen by this"


def only_has(setup: StudySetup) -> dict[str, HAS]:
    """The bases of a study of HAS.

    Raises:
        InputError: naming a base that is not HAS or perturbs nothing, or data that are no images.
    """
    if len(setup.problem.sample_shape) != 3:
        origin, shape = setup.problem.provenance.origin, setup.problem.sample_shape
        raise InputError(f"{origin}: samples of shape {shape}, expected images, such as digits_images")
    bases = {}
    for name, base in setup.bases.items():
        if not isinstance(base, HAS):
            kind = type(base).__name__
            raise InputError(f"base: {name} ({kind}) found, expected a config whose method is HAS, or has")
        if not base.samples.steps or not base.probability:
            raise InputError(
                f"base: {name}: {base.samples.steps} steps with probability {base.probability} found, expected a HAS "
                "that perturbs images"
            )
        bases[name] = base
    return bases


def runs_of(setup: StudySetup, method: MethodConfig) -> Runs:
    """Training of a variant, scored by T1, and by U, S and H where the config scores the generalized task; calibrated
    on validation classes where the config says so."""
    generalized = any(isinstance(task, GZSL) for task in setup.tasks)
    if not generalized:
        return Runs(setup, method, (ZSL(),))
    offset = calibration_offset(setup, method) if setup.calibration else 0.0
    return Runs(setup, method, (ZSL(), GZSL()), offset=offset)


def generalized_columns(of_seeds: list[dict[str, float]]) -> dict[str, Any]:
    """Means over seeds of U, S and H, where they were scored."""
    names = [name for name in ("U", "S", "H") if name in of_seeds[0]]
    return {name: round(float(np.mean([metrics[name] for metrics in of_seeds])), 2) for name in names}


class Recognised(NamedTuple):
    """What a model makes of images.

    Attributes:
        features: g(x).
        log_p: of the seen classes, -1e30 for the others.
    """

    features: Float[Array, "b e"]
    log_p: Float[Array, "b c"]


def recognise(apn: APN) -> Callable[[APNPredictor, Any], Recognised]:
    """(predictor, images in [0, 1]) -> features and probabilities as perturbation sees them."""
    network = apn.network.build()

    def recognised(predictor: APNPredictor, images: Any) -> Recognised:
        model, _ = attributes_of(network, apn.pooling, predictor.variables, predictor.heads, images)
        return Recognised(model.features, log_probabilities(model.predicted, predictor.semantics, predictor.seen))

    return jax.jit(recognised)


class Shift(NamedTuple):
    """What perturbation changes, as means over images.

    Attributes:
        drift: ||g(x~) - g(x)|| / ||g(x)||, in percent.
        probability: change of the probability of the image's class, in points.
        entropy: change of the entropy of the class probabilities, in nats.
    """

    drift: float
    probability: float
    entropy: float


def shift(before: Recognised, after: Recognised, y: Int[np.ndarray, " b"]) -> Shift:
    """The change from images to their perturbed ones; an image without features does not count for the drift."""
    length = jnp.linalg.norm(before.features, axis=1)
    moved = jnp.linalg.norm(after.features - before.features, axis=1)
    share = jnp.where(length > 0, moved / jnp.where(length > 0, length, 1), jnp.nan)
    p = [jnp.exp(each.log_p[jnp.arange(len(y)), y]) for each in (before, after)]
    entropy = [-jnp.sum(jnp.exp(each.log_p) * each.log_p, 1) for each in (before, after)]
    return Shift(
        100 * float(jnp.nanmean(share)), 100 * float(jnp.mean(p[1] - p[0])), float(jnp.mean(entropy[1] - entropy[0]))
    )
