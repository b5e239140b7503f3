"""What a report says about its numbers: metrics and settings explained, and badges of the protocol."""

from typing import Any, NamedTuple

from jzsl.config import Experiment
from jzsl.problem.problem import Backbone
from jzsl.report.class_metrics import NO_PRIOR
from jzsl.report.run_artifacts import RunArtifacts
from jzsl.types import Setting

SETTINGS = {
    Setting.inductive: "Inductive: training used labelled samples of seen classes, the semantics of all classes where "
    "the data have them, and no test sample.",
    Setting.semi_supervised: "Inductive, with unlabelled samples: training also used samples without labels, none of "
    "which is a test sample.",
    Setting.transductive: "Transductive with a separate unseen pool: training also used the test samples of unseen "
    "classes, without labels, knowing that they belong to unseen classes.",
    Setting.strict: "Strict transductive: training also used all test samples, of seen and unseen classes mixed, "
    "without labels and without knowing which belong to unseen classes.",
    Setting.adaptation: "Domain adaptation: training also used the test samples, which belong to the same classes in "
    "another domain, without labels.",
    Setting.discovery: "Discovery of new classes: training used labelled samples of old classes, and samples of new "
    "classes without labels, knowing that they belong to new classes. Test samples took no part.",
    Setting.clustering: "Clustering: training used samples without any label. Test samples took no part.",
}
METRICS = {
    "T1": "mean per-class accuracy on test samples of unseen classes, classified among unseen classes",
    "U": "mean per-class accuracy of unseen classes, classified among all classes",
    "S": "mean per-class accuracy of seen classes, classified among all classes",
    "H": "harmonic mean of U and S",
    "AUSUC": "area under the seen-unseen curve",
    "A": "mean per-class accuracy on the test samples, classified among seen classes",
    "ACC_new_pool": "clustering accuracy of the new classes' training samples, classified among clusters",
    "NMI_new_pool": "normalised mutual information of clusters and classes on these samples",
    "ARI_new_pool": "adjusted Rand index of clusters and classes on these samples",
    "ACC_old": "accuracy of old classes' test samples, classified among old classes and clusters",
    "ACC_new": "accuracy of new classes' test samples, classified among old classes and clusters, of which each stands "
    "for at most one new class",
    "ACC_all": "accuracy of all test samples, under the same assignment",
    "ACC_old_legacy": "the old classes' samples under an assignment of their own, in which an old class may stand for "
    "another",
    "ACC_new_legacy": "the new classes' samples under an assignment of their own",
    "ACC_all_legacy": "all test samples under an assignment of their own",
    "ACC_pool": "clustering accuracy of the training samples: the best one-to-one map of clusters to classes",
    "NMI_pool": "normalised mutual information of clusters and classes on the training samples",
    "ARI_pool": "adjusted Rand index of clusters and classes on the training samples",
    "ACC": "clustering accuracy of test samples: the best one-to-one map of clusters to classes",
    "NMI": "normalised mutual information of clusters and classes on test samples",
    "ARI": "adjusted Rand index of clusters and classes on test samples",
    "largest_cluster_pool": "share of the unlabelled training samples in the largest cluster; no score, for it needs "
    "no label",
    "smallest_cluster_pool": "share of these samples in the smallest cluster",
    "AUROC_test": "out-of-distribution detection: area under the ROC curve of unseen against seen test samples",
    "FPR95_test": "out-of-distribution detection: share of the seen test samples predicted as unseen at the threshold "
    "that detects 95 % of the unseen ones",
    "H_group_known": "H if it were known whether each sample is of a seen or an unseen class",
    "H_seen_known": "H if samples of seen classes that are predicted as seen always got the right class",
    "H_unseen_known": "H if samples of unseen classes that are predicted as unseen always got the right class",
}
_FEWEST_SEEDS = 5


class Badge(NamedTuple):
    """A fact about the protocol; `caution` marks what makes a result less comparable."""

    text: str
    caution: bool = False


def setting_text(run: RunArtifacts) -> str:
    """The setting in a sentence; empty for one that this version does not know."""
    texts = {setting.value: text for setting, text in SETTINGS.items()}
    return texts.get(run.result["setting"], "")


def badges(run: RunArtifacts) -> list[Badge]:
    """What a reader must know before comparing the headline metric."""
    result, experiment = run.result, run.experiment
    how = "chosen on validation classes" if result["epochs_chosen"] else "fixed beforehand"
    epochs = f"{result['epochs']} epoch{'s' if result['epochs'] != 1 else ''}{' per round' if run.has_rounds else ''}"
    facts = [Badge(f"{epochs}, {how}"), _pool(experiment)]
    if (clusters := result.get("clusters")) is not None:
        facts.append(Badge(cluster_words(clusters), bool(clusters["error"])))
    if run.has_rounds:
        rounds = "1 round" if result["rounds"] == 1 else f"{result['rounds']} rounds"
        facts += [Badge(f"{rounds}, samples selected by {_selection(experiment)}"), _prior(result["class_prior"])]
    if result["offset"] is not None:
        facts.append(Badge(f"calibration offset {result['offset']:.3g}, chosen on validation classes"))
    backbone = Backbone.__members__.get(result["features"].get("backbone", "unstated"), Backbone.unstated)
    facts.append(Badge(backbone.value, backbone in (Backbone.overlapping, Backbone.unstated)))
    seeds = len(result["seeds"])
    few = f"; the protocol asks for {_FEWEST_SEEDS}" if seeds < _FEWEST_SEEDS else ""
    return [*facts, Badge(f"{seeds} seed{'s' if seeds > 1 else ''}{few}", bool(few))]


def cluster_words(clusters: dict[str, Any]) -> str:
    """How many clusters a run has and why, such as '7 clusters (given), for 5 classes'."""
    number, true = clusters["number"], clusters["classes"]
    classes = "" if true is None else f", for {true} {'class' if true == 1 else 'classes'}"
    return f"{number} {'cluster' if number == 1 else 'clusters'} ({clusters['how']}){classes}"


def _pool(experiment: Experiment) -> Badge:
    if any(task.clusters for task in experiment.tasks):
        return Badge("unlabelled samples, of which clusters are made")
    if experiment.self_training is None:
        return Badge("no unlabelled samples")
    if not experiment.tasks[0].unseen:
        return Badge("unlabelled samples of the target domain")
    strict = experiment.self_training.strict
    return Badge("unlabelled samples of seen and unseen classes, mixed" if strict else "unlabelled unseen pool")


def _selection(experiment: Experiment) -> str:
    """The class of the configuration, which is the selection's name."""
    return type(experiment.self_training.selection).__name__ if experiment.self_training else ""


def _prior(name: str) -> Badge:
    if name == "known":
        return Badge("class prior known", True)
    return Badge("no class prior used" if name == NO_PRIOR else f"class prior estimated by {name}")
