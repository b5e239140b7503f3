"""AVH paper, fig. 3: two overlapping classes on a sphere, and what AVH and the norm see of their overlap."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jzsl.data.sphere import overlap, two_on_a_sphere
from jzsl.hardness.correlation import Coefficient, correlation
from jzsl.hardness.scores import hardness
from jzsl.methods.supervised import Supervised
from jzsl.studies.study import Finding, Setting, compared, paired
from jzsl.tasks.adaptation import Adaptation
from jzsl.types import ClassTable, Pool

_ROWS, _SPREAD, _BETWEEN = 4000, 0.45, np.deg2rad(60)


def sphere(setting: Setting) -> Finding:
    """Spearman's correlation of AVH, norm and confidence with the true ambiguity of a point, which is known here."""
    base = next((base for base in setting.bases.values() if isinstance(base, Supervised)), Supervised(hidden=64))
    base = replace(base, hidden=base.hidden or 64)
    method = base.build(Adaptation())
    classes = ClassTable(np.eye(2, dtype=np.float32), np.ones(2, bool))
    columns = jnp.arange(2)
    nothing = jnp.zeros(0, jnp.int32)
    values: dict[str, list[float]] = {"AVH": [], "norm": [], "confidence": []}
    shown = None
    for seed in range(setting.seeds):
        setting.tell(f"seed {seed}")
        (x, y), (test, _) = (two_on_a_sphere(_ROWS, _BETWEEN, _SPREAD, 2 * seed + part) for part in range(2))
        pool = jax.device_put(Pool(x, y, np.ones(_ROWS, np.int32)))
        state, _ = jax.jit(method.fit)(
            method.init(jax.random.key(seed), pool, classes), pool, classes, setting.epochs, setting.epochs
        )
        predictor = method.predictor(state, pool, classes, nothing)
        assert method.embedding is not None
        scores, embedding = method.logits(predictor, test, columns), method.embedding(predictor, test, columns)
        found = hardness(scores, embedding, jnp.argmax(scores, 1).astype(jnp.int32))
        ambiguity = overlap(test, _BETWEEN, _SPREAD)
        for name, score in (("AVH", found.avh), ("norm", found.norm), ("confidence", found.confidence)):
            values[name].append(correlation(Coefficient.spearman, np.asarray(score), ambiguity).coefficient)
        shown = shown or (test, ambiguity, np.asarray(found.avh), -np.asarray(found.norm))

    def draw(figure):
        assert shown is not None
        points, ambiguity, angular, length = shown
        figure.set_size_inches(10, 3.8)
        plane = _lambert(points)
        panels = (("true ambiguity", ambiguity), ("AVH of the predicted class", angular),
                  ("length of the embedding", length))  # fmt: skip
        for axes, (title, value) in zip(figure.subplots(1, 3, sharex=True, sharey=True), panels, strict=True):
            dots = axes.scatter(*plane.T, c=value, s=3, cmap="viridis", rasterized=True)
            figure.colorbar(dots, ax=axes, shrink=0.8)
            axes.set_title(title, fontsize="medium")
            axes.set_aspect("equal")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel("equal-area map of the sphere", fontsize="small")

    claim = compared([(values["AVH"], values["norm"])])
    return Finding(
        "Do AVH and the norm see where two classes on a sphere overlap? (AVH, fig. 3)",
        f"That AVH follows the overlap better than the norm does {claim}: "
        f"{paired(*([100 * v for v in values[name]] for name in ('AVH', 'norm')))} of 100 times the correlation.",
        [
            {
                "score": name,
                "spearman": round(float(np.mean(found)), 3),
                "std": round(float(np.std(found, ddof=1)), 3) if len(found) > 1 else 0.0,
                "values": " ".join(f"{value:.3f}" for value in found),
            }
            for name, found in values.items()
        ],
        draw,
        (
            f"{_ROWS} points of two Gaussians {np.rad2deg(_BETWEEN):.0f} degrees apart, standard deviation {_SPREAD}, "
            "put on the sphere; signs: larger is harder; the data named on the command line takes no part",
        ),
    )


def _lambert(x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
    """Lambert's equal-area map of the sphere, centred half-way between the classes."""
    return x[:, 1:] * np.sqrt(2 / np.maximum(1 + x[:, :1], 1e-9))
