"""STHS, fig. 3 A, B and table 3: what self-training does round by round, and what the selection is worth."""

import numpy as np

from jzsl.report.figures import COLOURS, horizontal_bars
from jzsl.self_training.refinement.choice import Refinement
from jzsl.self_training.selection.choice import Prior, Selection
from jzsl.self_training.sths import STHS
from jzsl.studies.retraining import Retrainer
from jzsl.studies.study import Finding, Setting, compared, defined_mean, group_rows, paired


def hardness_dynamics(setting: Setting) -> Finding:
    """Accuracy and precision of the classes that CFBS calls hard and easy, after each round (fig. 3 A, B)."""
    rows, curves, notes, words, held = [], {}, (), [], True
    for name, base in setting.bases.items():
        retrainer = Retrainer(setting.problem, base, setting.transform, setting.epochs)
        notes = (
            *retrainer.notes,
            f"CFBS, T = {setting.rounds}, K = {setting.hard:.0%} of the classes; hard: the rarer predicted half",
        )
        found = []
        sths = STHS(setting.rounds, Selection.cfbs, hard=setting.hard)
        for seed, rounds in enumerate(retrainer.self_train(sths, setting.seeds)):
            setting.tell(f"{name}: seed {seed}")
            for t, (predictions, _) in enumerate(rounds):
                predicted = np.asarray(predictions.label)
                order = np.argsort(np.bincount(predicted, minlength=retrainer.classes), kind="stable")
                half = retrainer.classes // 2
                accuracy, precision = retrainer.accuracies(predicted), retrainer.precisions(predicted)
                found += [
                    (t, group, accuracy[columns].mean(), defined_mean(precision[columns]))
                    for group, columns in (("hard", order[:half]), ("easy", order[half:]))
                ]
        for group in ("hard", "easy"):
            of_round = [np.array([f[2:] for f in found if f[:2] == (t, group)]) for t in range(setting.rounds + 1)]
            means = np.array([[defined_mean(values[:, 0]), defined_mean(values[:, 1])] for values in of_round])
            curves[name, group] = means
            rows += [
                {
                    "base": name,
                    "classes": group,
                    "round": t,
                    "accuracy": round(float(a), 2),
                    "precision": None if np.isnan(p) else round(float(p), 2),
                }
                for t, (a, p) in enumerate(means)
            ]
        hard, easy = curves[name, "hard"], curves[name, "easy"]
        first, last = easy[0, 0] - hard[0, 0], easy[-1, 0] - hard[-1, 0]
        more_precise = bool((hard[:, 1] > easy[:, 1]).all())
        held &= first > 0 and last < first and more_precise
        words.append(
            f"{name}: easy classes lead by {first:.1f} points at first and {last:.1f} at last; hard ones are "
            f"{'' if more_precise else 'not '}the more precise in every round"
        )

    claim = "holds here" if held else "does NOT hold here"

    def draw(figure):
        left, right = figure.subplots(1, 2, sharey=True)
        for (name, group), means in curves.items():
            colour = COLOURS[list(setting.bases).index(name)]
            style = {"linestyle": "-" if group == "hard" else "--", "marker": "o", "color": colour}
            left.plot(means[:, 0], label=f"{name}, {group} classes", **style)
            right.plot(means[:, 1], **style)
        for axes, title in ((left, "A: accuracy"), (right, "B: precision of pseudo-labels")):
            axes.set_title(title, fontsize="medium")
            axes.set_xlabel("round (0: inductive base)")
            axes.set_xticks(range(setting.rounds + 1))
        left.set_ylabel("mean over classes (%)")
        figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")

    return Finding(
        "Do rounds of self-training even out hard and easy classes? (STHS, fig. 3)",
        f"That frequency tells hard classes, that their labels are purer and the gap closes {claim}. "
        f"{'; '.join(words)}.",
        rows,
        draw,
        notes,
    )


def sampling_ablation(setting: Setting) -> Finding:
    """T1 after self-training with each selection (table 3), and with what a user would try instead."""
    values: dict[tuple[str, str], list[float]] = {}
    notes: tuple[str, ...] = ()
    for name, base in setting.bases.items():
        retrainer = Retrainer(setting.problem, base, setting.transform, setting.epochs)
        notes = (
            *retrainer.notes,
            f"T = {setting.rounds}, K = {setting.hard:.0%} of the classes, {setting.epochs} epochs a round; "
            "3C on t-SNE and a Gaussian mixture; mass: label propagation brought to a uniform class prior; "
            "the true prior is one that no user has",
        )
        prior = np.bincount(retrainer.truth, minlength=retrainer.classes) / len(retrainer.truth)
        for variant, sths in _variants(setting.rounds, setting.hard, tuple(prior.tolist())).items():
            if sths.class_prior is Prior.bbse and retrainer.method.sample is None:
                continue
            setting.tell(f"{name}: {variant}")
            runs = retrainer.self_train(sths, setting.seeds)
            values[name, variant] = [retrainer.t1(np.asarray(rounds[-1][0].label)) for rounds in runs]
    best = {
        name: max(("CFBS", "PN-CFBS, 3C"), key=lambda variant, name=name: np.mean(values[name, variant]))
        for name in setting.bases
    }
    claim = compared([(values[name, best[name]], values[name, "RS"]) for name in setting.bases])
    words = "; ".join(
        f"{name}: CFBS {paired(values[name, 'CFBS'], values[name, 'RS'])}, "
        f"PN-CFBS {paired(values[name, 'PN-CFBS, 3C'], values[name, 'RS'])}"
        for name in setting.bases
    )
    return Finding(
        "Is hardness sampling better than random sampling? (STHS, table 3)",
        f"That hardness sampling (the better of its two forms) beats random sampling {claim}. Against RS, {words}.",
        group_rows(values, "T1"),
        lambda figure: horizontal_bars(figure, values, "T1 after the last round (%)"),
        notes,
    )


def _variants(rounds: int, hard: float, prior: tuple[float, ...]) -> dict[str, STHS]:
    """Name and settings of what is compared, `prior` being the true one."""

    def normalised(estimator: Prior, known: tuple[float, ...] = ()) -> STHS:
        return STHS(rounds, Selection.pn_cfbs, estimator, hard=hard, known=known)

    mass = {"refinement": Refinement.mass_label_propagation, "prior": Prior.uniform}
    return {
        "inductive": STHS(0),
        "label propagation": STHS(0, refinement=Refinement.label_propagation),
        "label propagation, mass": STHS(0, **mass),
        "spherical k-means": STHS(0, refinement=Refinement.spherical_kmeans),
        "RS": STHS(rounds, Selection.random_sampling),
        "all": STHS(rounds, Selection.everything),
        "confidence": STHS(rounds, Selection.top_confidence),
        "CFBS": STHS(rounds, Selection.cfbs, hard=hard),
        "PN-CFBS, 3C": normalised(Prior.three_c_edges),
        "PN-CFBS, 3C dominant": normalised(Prior.three_c_dominant),
        "PN-CFBS, Saerens": normalised(Prior.saerens),
        "PN-CFBS, BBSE": normalised(Prior.bbse),
        "PN-CFBS, true prior": normalised(Prior.known, prior),
        "RS on mass": STHS(rounds, Selection.random_sampling, **mass),
        "confidence on mass": STHS(rounds, Selection.top_confidence, **mass),
        "CFBS on mass": STHS(rounds, Selection.cfbs, hard=hard, **mass),
    }
