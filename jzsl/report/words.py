"""How a report says what a number is of: the setting spelled out, and badges of the protocol."""

from typing import NamedTuple

from jzsl.config import Experiment
from jzsl.problem.problem import Backbone
from jzsl.report.evidence import Evidence
from jzsl.self_training.parts import name_of
from jzsl.tasks.adaptation import Adaptation

SETTINGS = {
    "inductive": "Inductive: training saw labelled rows of seen classes and the descriptions of all classes, and no "
    "test row.",
    "transductive (unseen pool separate)": "Transductive with a separate pool: training also saw the test rows of "
    "unseen classes, without labels, and knew that they belong to unseen classes.",
    "transductive (strict)": "Transductive, strict: training also saw all test rows, of seen and unseen classes mixed, "
    "without labels and without knowing which are which.",
    "domain adaptation": "Domain adaptation: training also saw the test rows, which are of the same classes from "
    "another domain, without labels.",
}
NUMBERS = {
    "T1": "mean over unseen classes of the share of their rows found, among unseen classes",
    "U": "mean accuracy of unseen classes, among all classes",
    "S": "mean accuracy of seen classes, among all classes",
    "H": "harmonic mean of U and S",
    "AUSUC": "area under the seen-unseen curve",
    "A": "mean accuracy of classes in the target domain",
    "AUROC_test": "area under the ROC curve of telling test samples of unseen classes from those of seen ones",
    "FPR95_test": "test samples of seen classes taken for unseen ones at the threshold that finds 95 % of the latter",
    "H_group_known": "H if the group of every row were known",
    "H_seen_known": "H if no seen row were taken for another seen class",
    "H_unseen_known": "H if no unseen row were taken for another unseen class",
}
_FEWEST_SEEDS = 5


class Badge(NamedTuple):
    """A fact of the protocol; `caution` marks what makes a number less comparable."""

    text: str
    caution: bool = False


def badges(evidence: Evidence) -> list[Badge]:
    """What a reader must know before comparing the headline."""
    result, experiment = evidence.result, evidence.experiment
    how = "chosen on validation classes" if result["epochs_chosen"] else "fixed beforehand"
    epochs = (
        f"{result['epochs']} epoch{'s' if result['epochs'] != 1 else ''}{' a round' if evidence.has_rounds else ''}"
    )
    found = [Badge(f"{epochs}, {how}"), _pool(experiment)]
    if evidence.has_rounds:
        rounds = "1 round" if result["rounds"] == 1 else f"{result['rounds']} rounds"
        found += [Badge(f"{rounds}, rows taken by {_selection(experiment)}"), _prior(result)]
    if result.get("factor") is not None:
        found.append(Badge(f"bonus of {result['factor']:.3g} on unseen classes, chosen on validation classes"))
    backbone = Backbone.__members__.get(result["features"].get("backbone", "unstated"), Backbone.unstated)
    found.append(Badge(backbone.value, backbone in (Backbone.overlapping, Backbone.unstated)))
    seeds = len(result["seeds"])
    few = f"; the protocol wants {_FEWEST_SEEDS}" if seeds < _FEWEST_SEEDS else ""
    return [*found, Badge(f"{seeds} seed{'s' if seeds > 1 else ''}{few}", bool(few))]


def _pool(experiment: Experiment) -> Badge:
    if experiment.self_training is None:
        return Badge("no unlabelled rows")
    if experiment.tasks == (Adaptation(),):
        return Badge("unlabelled rows of the target domain")
    return Badge(
        "unlabelled rows mixed" if experiment.self_training.strict else "unlabelled pool of unseen classes alone"
    )


def _selection(experiment: Experiment) -> str:
    return name_of(experiment.self_training.selection) if experiment.self_training else ""


def _prior(result: dict) -> Badge:
    prior = result["class_prior"]
    if prior == "known":
        return Badge("class prior known", True)
    return Badge("no class prior used" if prior == "uniform" else f"class prior estimated by {prior}")
