"""AVH paper, fig. 4: norm, AVH and accuracy during training, by how often a sample is recognised."""

import jax
import numpy as np

from jzsl.errors import InputError
from jzsl.hardness.dynamics import dynamics
from jzsl.methods.supervised import Supervised
from jzsl.report.figures import COLOURS
from jzsl.studies.seen_models import SeenModels
from jzsl.studies.study import Finding, Setting, verdict
from jzsl.tasks.adaptation import Adaptation

EDGES = np.linspace(0, 1, 6)
_PLATEAU = 0.9
"""Share of its whole change after which a quantity counts as having stopped to change."""


def training_dynamics(setting: Setting) -> Finding:
    """Per epoch and bin of frequency, of supervised models of the seen classes on their test rows."""
    models = SeenModels(setting)
    group = np.clip(np.searchsorted(EDGES, models.frequency, side="right") - 1, 0, len(EDGES) - 2).astype(np.int32)
    rows, curves, words, grows, plateau, gap = [], {}, [], True, True, True
    for name, base in setting.bases.items():
        if not isinstance(base, Supervised):
            raise InputError(f"base: {name} found, but this study is about supervised models")
        method = base.build(Adaptation())
        run = jax.jit(dynamics(method, setting.epochs, len(EDGES) - 1))
        found = []
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            state = method.init(jax.random.key(seed), models.view.pool, models.view.classes)
            arrays = (models.view.pool, models.view.classes, models.x, models.label, group, models.view.seen)
            found.append(jax.tree.map(np.asarray, run(state, *jax.device_put(arrays))[1]))
        mean = jax.tree.map(lambda *leaves: np.mean(leaves, 0), *found)
        curves[name] = mean
        present = [bin_ for bin_ in range(len(EDGES) - 1) if (group == bin_).any()]
        for epoch in range(setting.epochs):
            for bin_ in present:
                numbers = {key: round(float(value[epoch, bin_]), 5) for key, value in mean._asdict().items()}
                bounds = f"{EDGES[bin_]:.1f} to {EDGES[bin_ + 1]:.1f}"
                count = int((group == bin_).sum())
                rows.append({"base": name, "epoch": epoch + 1, "frequency": bounds, "rows": count, **numbers})
        easy = present[-1]
        norm, hard = (_settled(values[:, easy]) for values in (mean.norm, mean.avh))
        grows &= bool((np.diff(mean.norm[:, easy]) > 0).all())
        plateau &= hard < norm
        gap &= bool((mean.avh[:, present[0]] > mean.avh[:, easy]).all())
        growth = 100 * (mean.norm[-1, easy] / mean.norm[0, easy] - 1)
        words.append(
            f"{name}: on the easiest rows AVH has made 90 % of its change after {hard} epochs, the norm after {norm} "
            f"of {setting.epochs}, growing by {growth:.0f} % in all"
        )

    def draw(figure):
        titles = {"norm": "length of the embedding", "avh": "AVH", "accuracy": "accuracy"}
        panels = figure.subplots(len(curves), 3, squeeze=False)
        figure.set_size_inches(9, 3.2 * len(curves) + 0.8)
        for line, (name, mean) in zip(panels, curves.items(), strict=True):
            for axes, (number, title) in zip(line, titles.items(), strict=True):
                for bin_ in range(len(EDGES) - 1):
                    if not (group == bin_).any():
                        continue
                    values = getattr(mean, number)[:, bin_]
                    epochs = np.arange(1, setting.epochs + 1)
                    label = f"{EDGES[bin_]:.1f} to {EDGES[bin_ + 1]:.1f}" if axes is panels[0, 0] else None
                    axes.plot(epochs, values, color=COLOURS[bin_], label=label)
                    if number != "accuracy":
                        spread = getattr(mean, f"{number}_std")[:, bin_]
                        axes.fill_between(epochs, values - spread, values + spread, color=COLOURS[bin_], alpha=0.12)
                axes.set_xlabel("epoch")
                axes.set_ylabel(f"{title} ({name})" if len(curves) > 1 else title)
        figure.legend(title="frequency", ncols=5, loc="outside lower center", frameon=False, fontsize="small")

    return Finding(
        "How do norm, AVH and accuracy change during training? (AVH, fig. 4)",
        f"That the norm of easy rows grows in every epoch (observation 1) {verdict(grows)}; that AVH settles before it "
        f"(observation 2) {verdict(plateau)}; that hard rows have the larger "
        f"AVH in every epoch (observation 3) {verdict(gap)}. {'; '.join(words)}.",
        rows,
        draw,
        (
            models.note,
            "test rows of seen classes, which train no model; AVH of the true class; bands: one standard deviation "
            "over rows",
        ),
        ("base", "epoch", "frequency", "rows", "norm", "avh", "accuracy"),
    )


def _settled(values: np.ndarray) -> int:
    """Epochs after which a quantity stays within a tenth of its whole range of where it ends."""
    away = np.abs(values - values[-1]) > (1 - _PLATEAU) * np.ptp(values)
    return int(np.flatnonzero(away)[-1]) + 2 if away.any() else 1
