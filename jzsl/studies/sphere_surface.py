"""AVH paper, fig. 3: two overlapping classes on a sphere; do AVH and the norm follow their overlap?

The samples are drawn here: the data named on the command line are not used.

Columns: score (AVH, norm, confidence), spearman (rank correlation with the true ambiguity of a sample, mean over
seeds), std, values (one per seed).
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jzsl.data.sphere import overlap, two_on_a_sphere
from jzsl.hardness.correlation import Coefficient, correlation
from jzsl.hardness.scores import hardness
from jzsl.methods.supervised import Supervised
from jzsl.studies.harness import Training
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, seed_columns
from jzsl.tasks.adaptation import Adaptation
from jzsl.types import ClassTable, Pool

_SAMPLES, _SPREAD, _BETWEEN = 4000, 0.45, np.deg2rad(60)


def sphere_surface(setup: StudySetup) -> StudyResult:
    """Spearman's correlation of AVH, norm and confidence with the true ambiguity of a sample, which is known here."""
    base = next((base for base in setup.bases.values() if isinstance(base, Supervised)), Supervised(hidden=64))
    training = Training(replace(base, hidden=base.hidden or 64), Adaptation())
    method, columns = training.method, jnp.arange(2)
    assert method.embedding is not None
    classes = ClassTable(np.eye(2, dtype=np.float32), np.ones(2, bool))
    values: dict[str, Seeds] = {"AVH": [], "norm": [], "confidence": []}
    panels: list[tuple[str, Any]] = []
    points = np.zeros((0, 3), np.float32)
    for seed in range(setup.seeds):
        setup.progress(f"seed {seed}")
        (x, y), (test, _) = (two_on_a_sphere(_SAMPLES, _BETWEEN, _SPREAD, 2 * seed + part) for part in range(2))
        pool = jax.device_put(Pool(x, y, np.ones(_SAMPLES, np.int32)))
        state = training.trained(jax.random.key(seed), pool, classes, setup.epochs)
        predictor = method.predictor(state, pool, classes, jnp.zeros(0, jnp.int32))
        scores, embedding = method.logits(predictor, test, columns), method.embedding(predictor, test, columns)
        hard = hardness(scores, embedding, jnp.argmax(scores, 1).astype(jnp.int32))
        ambiguity = overlap(test, _BETWEEN, _SPREAD)
        for name, score in (("AVH", hard.avh), ("norm", hard.norm), ("confidence", hard.confidence)):
            values[name].append(correlation(Coefficient.spearman, np.asarray(score), ambiguity).coefficient)
        if seed == 0:
            points = test
            panels = [("true ambiguity", ambiguity), ("AVH of the predicted class", np.asarray(hard.avh)),
                      ("length of the embedding", -np.asarray(hard.norm))]  # fmt: skip
    hundredfold = {name: [100 * value for value in of_seeds] for name, of_seeds in values.items()}
    difference = compare({"norm": (hundredfold["AVH"], hundredfold["norm"])})["norm"]
    return StudyResult(
        f"That AVH follows the overlap better than the norm does {claim([difference])}: {difference} of 100 times the "
        "correlation.",
        [{"score": name, **seed_columns(of_seeds, "spearman", 3)} for name, of_seeds in values.items()],
        lambda figure: _draw(figure, points, panels),
        (
            f"{_SAMPLES} samples of two Gaussians {np.rad2deg(_BETWEEN):.0f} degrees apart, standard deviation "
            f"{_SPREAD}, projected to the sphere; signs: larger is harder; the data named on the command line are not "
            "used",
        ),
    )


def _draw(figure: Any, points: Float[np.ndarray, "n 3"], panels: list[tuple[str, Any]]) -> None:
    figure.set_size_inches(10, 3.8)
    plane = _lambert(points)
    for axes, (title, value) in zip(figure.subplots(1, 3, sharex=True, sharey=True), panels, strict=True):
        dots = axes.scatter(*plane.T, c=value, s=3, cmap="viridis", rasterized=True)
        figure.colorbar(dots, ax=axes, shrink=0.8)
        axes.set_title(title, fontsize="medium")
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("equal-area map of the sphere", fontsize="small")


def _lambert(x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
    """Lambert's equal-area map of the sphere, centred half-way between the classes."""
    return x[:, 1:] * np.sqrt(2 / np.maximum(1 + x[:, :1], 1e-9))


STUDY = Study(
    "Do AVH and the norm follow the overlap of two classes on a sphere? (AVH, fig. 3)",
    sphere_surface,
    ("supervised",),
    30,
)
