"""The studies of AutoNovel: their variants, their stages against those of a run, their tables."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.config import Experiment, Stage, Train
from jzsl.data.class_count.estimate import Estimate
from jzsl.data.class_count.probe_classes import ProbeClasses
from jzsl.data.clustered import Clustered
from jzsl.data.digits_images import DigitImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.k_means import KMeans
from jzsl.methods.learning_to_cluster import LearningToCluster
from jzsl.methods.rotnet import RotNet
from jzsl.methods.uno import UNO
from jzsl.nets.mlp import MLP
from jzsl.nets.network import BatchNormPolicy
from jzsl.problem.transforms import Unscaled
from jzsl.studies.clusters import Trials, Variant
from jzsl.studies.discovery_ablation import FULL, INCREMENTAL, discovery_ablation, variants
from jzsl.studies.discovery_rivals import discovery_rivals, rivals
from jzsl.studies.ranking_k import ranking_k, similarities
from jzsl.studies.study import StudySetup
from jzsl.studies.unknown_number import numbers_of, unknown_number
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.mixup import MixUp
from jzsl.training.optimizers.adam import Adam
from jzsl.training.pair_losses.binary_cross_entropy import BinaryCrossEntropy
from jzsl.training.pair_losses.kcl import KCL
from jzsl.training.similarities.cosine import Cosine
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.ranking_statistics import RankingStatistics

IMAGES = PerClass(DigitImages(unseen=()), train=12, test=4)
DATA = NewClasses(IMAGES, new=("7", "8", "9"))
PROBLEM = DATA.load()
NETWORK = MLP((16,))
METHOD = AutoNovel(
    NETWORK, PaddedCrop(1), similarity=RankingStatistics(2), optimizer=Adam(1e-2), learned=("layer1",), batch_size=64
)
TURNS = Stage("turns", RotNet(NETWORK, PaddedCrop(1), Adam(1e-2), 64), 1)
CLASSIFIER = ImageClassifier(NETWORK, optimizer=Adam(1e-2), learned=("layer1",), batch_size=64)
LABELS = Stage("labels", CLASSIFIER, 2)
SETUP = StudySetup(PROBLEM, {"small": METHOD}, Unscaled(), 2, 2, stages=(LABELS,))


@dataclass(frozen=True)
class Fixed:
    """An estimator that always says the same."""

    number: int

    def estimate(self, x, y, unlabelled):
        return Estimate(self.number, "fixed")


class Unable:
    """An estimator that lacks what it needs."""

    def estimate(self, x, y, unlabelled):
        raise InputError("labelled classes: too few")


def test_a_method_after_the_stages_of_a_study_has_the_scores_of_a_run(tmp_path):
    stages = (LABELS, replace(LABELS, name="again"))
    of_features = KMeans(NETWORK, restarts=2)
    experiment = Experiment(
        DATA, of_features, Train(epochs=2), (Discovery(),), transform=Unscaled(), seeds=1, stages=stages
    )
    result = run(experiment, tmp_path / "run", False, Console(quiet=True))
    trials = Trials(replace(SETUP, seeds=1), Discovery())
    (first,) = trials.metrics(Variant(replace(of_features, restarts=1, iterations=1), stages))
    (metrics,) = trials.metrics(Variant(of_features, stages))
    for name in Discovery.numbers:
        assert [metrics[name]] == result[name]["values"]
    assert first != metrics


@pytest.fixture
def untrained(monkeypatch):
    """Trials that train nothing: ACC_new_pool is what a function of the variant says, in the second seed 2 more."""

    def of(accuracy):
        def metrics(trials, variant):
            return [{"ACC_new_pool": accuracy(variant) + 2 * seed, "NMI_new_pool": 50.0} for seed in range(2)]

        monkeypatch.setattr(Trials, "metrics", metrics)

    return of


def test_each_variant_differs_in_one_part():
    of = variants(replace(METHOD, incremental=True), (TURNS, LABELS))
    full = of[FULL].method
    assert list(of) == [
        "without consistency", "without cross-entropy", "without pairs (BCE)", "without turns", "without labels",
        "without any stage", FULL, INCREMENTAL,
    ]  # fmt: skip
    assert full == METHOD
    assert of[INCREMENTAL] == (replace(METHOD, incremental=True), (TURNS, LABELS))
    assert of["without consistency"] == (replace(METHOD, consistency_weight=0.0), (TURNS, LABELS))
    assert of["without cross-entropy"] == (replace(METHOD, labelled_weight=0.0), (TURNS, LABELS))
    assert of["without pairs (BCE)"] == (replace(METHOD, pair_weight=0.0), (TURNS, LABELS))
    assert of["without labels"] == (METHOD, (TURNS,))
    assert of["without turns"] == (METHOD, (Stage("labels", replace(CLASSIFIER, learned=None), 2),))
    assert of["without any stage"] == (replace(METHOD, learned=None), ())
    assert variants(METHOD, (LABELS,))["without labels"] == (replace(METHOD, learned=None), ())
    without_stages = variants(METHOD, ())
    assert list(without_stages) == [
        "without consistency", "without cross-entropy", "without pairs (BCE)", FULL, INCREMENTAL,
    ]  # fmt: skip
    assert without_stages[FULL] == (replace(METHOD, learned=None), ())
    assert without_stages["without consistency"] == (replace(METHOD, learned=None, consistency_weight=0.0), ())


def test_the_table_of_the_ablation(untrained):
    untrained(lambda variant: 90.0 + variant.method.incremental - 8 * (not variant.method.consistency_weight))
    result = discovery_ablation(SETUP)
    rows = {row["variant"]: row for row in result.rows}
    assert list(rows) == list(variants(METHOD, (LABELS,)))
    assert rows["without consistency"] == {
        "base": "small", "variant": "without consistency", "ACC_new_pool": 83.0, "std": 1.41, "values": "82.00 84.00",
        "NMI_new_pool": 50.0, "vs full": -8.0, "p": None,
    }  # fmt: skip
    assert (rows[FULL]["ACC_new_pool"], rows[FULL]["vs full"]) == (91.0, None)
    assert "That ACC_new_pool is lower without consistency holds here in the mean only" in result.answer
    assert "That ACC_new_pool is lower without labels does NOT hold here (small: +0.0 points)" in result.answer
    assert "That it is higher with the incremental head holds here in the mean only" in result.answer
    assert "2 epochs after labels (2 epochs)" in result.notes[0]


def test_the_k_that_a_similarity_can_have():
    shape = PROBLEM.sample_shape
    assert list(similarities("a", METHOD, shape)) == [1, 2, 3, 5, 7, 10, 15]  # of 16 features
    neighbours = replace(METHOD, similarity=NearestNeighbours(4))
    assert list(similarities("a", neighbours, shape)) == [3, 4, 5, 7, 10, 15, 20, 50]
    others = replace(METHOD, similarity=NearestNeighbours(1, counts_itself=False), batch_size=3)
    assert list(similarities("a", others, shape)) == [1, 2, 3]
    with pytest.raises(InputError, match="base: a: similarity Cosine found, expected one with a k"):
        similarities("a", replace(METHOD, similarity=Cosine()), shape)


def test_the_table_of_k(untrained):
    untrained(lambda variant: 80.0 - abs(variant.method.similarity.k - 5))
    result = ranking_k(SETUP)
    assert [(row["k"], row["ACC_new_pool"]) for row in result.rows] == [
        (1, 77.0), (2, 78.0), (3, 79.0), (5, 81.0), (7, 79.0), (10, 76.0), (15, 71.0),
    ]  # fmt: skip
    assert [row["vs config"] for row in result.rows] == [-1.0, None, 1.0, 3.0, 1.0, -2.0, -7.0]
    assert "from 71.0 at k = 15 to 81.0 at k = 5, 78.0 at the config's k = 2; 0 of 6 others" in result.answer


def test_the_numbers_of_clusters_and_where_they_are_from():
    assert numbers_of(4, {"A": 5, "B": 4, "C": 9}) == {
        2: "0.5 x true", 3: "0.75 x true", 4: "true, B", 5: "A", 6: "1.5 x true", 8: "2 x true", 9: "C",
    }  # fmt: skip
    assert min(numbers_of(1, {})) == 1


def test_the_table_of_unknown_numbers(monkeypatch):
    """The score of a stand-in is 90 less five points for each cluster too many or too few."""

    def metrics(trials, variant):
        clusters = trials._setup.problem.clusters
        return [{"ACC_new_pool": 90.0 - 5 * abs(clusters - 3) + seed, "NMI_new_pool": 50.0} for seed in range(2)]

    monkeypatch.setattr(Trials, "metrics", metrics)
    monkeypatch.setattr("jzsl.studies.unknown_number.ESTIMATORS", (Fixed(5), ProbeClasses(probes=2, most=3), Unable()))
    result = unknown_number(SETUP)
    by_number = {row["clusters"]: row for row in result.rows}
    assert by_number[3]["how"].startswith("true")
    assert by_number[5] == {
        "base": "small", "clusters": 5, "how": "Fixed", "error": 2, "ACC_new_pool": 80.5, "std": 0.71,
        "values": "80.00 81.00", "NMI_new_pool": 50.0, "vs true": -10.0, "p": None,
    }  # fmt: skip
    assert by_number[3]["vs true"] is None
    assert "90.5 with the true number 3, 80.5 with 5 by Fixed (error +2)" in result.answer
    assert "no estimate by Unable: labelled classes: too few" in result.notes


def test_stages_come_before_methods_that_take_them_over(monkeypatch):
    stages = {}

    def metrics(trials, variant):
        stages[type(variant.method).__name__] = variant.stages
        return [{"ACC_new_pool": 50.0, "NMI_new_pool": 50.0}]

    monkeypatch.setattr(Trials, "metrics", metrics)
    monkeypatch.setattr("jzsl.studies.unknown_number.ESTIMATORS", ())
    result = unknown_number(replace(SETUP, bases={"small": METHOD, "pixels": KMeans()}, seeds=1))
    assert stages == {"AutoNovel": (LABELS,), "KMeans": ()}
    assert "pixels: mean ACC_new_pool 50.0 with the true number 3; from 50.0 to 50.0 with other" in result.answer


def test_an_unknown_truth_is_refused():
    labels = PROBLEM.labels.copy()
    labels[PROBLEM.splits.unlabelled[:4]] = -1
    with pytest.raises(InputError, match="4 samples without a label found, expected labels of all"):
        unknown_number(replace(SETUP, problem=replace(PROBLEM, labels=labels)))


RIVALS = [
    "k-means on samples", "k-means on features of labels", "KCL", "MCL", "DTC", "UNO", "LSD-C", "AutoNovel",
]  # fmt: skip


def test_rivals_share_what_is_no_part_of_a_method():
    base = replace(METHOD, incremental=True, augment_first=False, pair_weight=0.5, others=BatchNormPolicy.train)
    of = rivals(base, (LABELS,))
    assert list(of) == RIVALS
    assert of["AutoNovel"] == (base, (LABELS,))
    assert of["k-means on samples"] == (KMeans(), ())
    assert of["k-means on features of labels"] == (KMeans(NETWORK), (LABELS,))
    for name in ("KCL", "MCL", "DTC", "UNO", "LSD-C"):
        method: Any = of[name].method
        assert (method.network, method.augment, method.optimizer) == (NETWORK, PaddedCrop(1), Adam(1e-2))
        assert (method.learned, method.batch_size, of[name].stages) == (("layer1",), 64, (LABELS,))
        assert method.others == BatchNormPolicy.train
    lsd_c: Any = of["LSD-C"].method
    assert (lsd_c.similarity, lsd_c.augment_first, lsd_c.mix) == (RankingStatistics(2), False, MixUp())
    for name, loss in (("KCL", KCL()), ("MCL", BinaryCrossEntropy())):
        learned: Any = of[name].method
        assert isinstance(learned, LearningToCluster)
        assert (learned.pair_loss, learned.augment_first) == (loss, False)
    assert rivals(base, (TURNS, LABELS))["k-means on features of labels"].stages == (TURNS, LABELS)
    untrained_network = rivals(base, ())
    assert list(untrained_network) == [RIVALS[0], *RIVALS[2:]]
    assert all(getattr(variant.method, "learned", None) is None for variant in untrained_network.values())


def test_the_table_of_rivals(untrained):
    untrained(lambda variant: {AutoNovel: 90.0, KMeans: 70.0, UNO: 88.0}.get(type(variant.method), 60.0))
    result = discovery_rivals(SETUP)
    assert [row["method"] for row in result.rows] == RIVALS
    assert result.rows[5] == {
        "base": "small", "method": "UNO", "ACC_new_pool": 89.0, "std": 1.41, "values": "88.00 90.00",
        "NMI_new_pool": 50.0, "vs AutoNovel": -2.0, "p": None,
    }  # fmt: skip
    assert result.rows[7]["vs AutoNovel"] is None
    assert "mean ACC_new_pool 91.0 by AutoNovel, 89.0 by UNO, the best of the others" in result.answer
    assert "71.0 by k-means on samples" in result.answer
    assert "2 epochs after labels (2 epochs)" in result.notes[0]
    assert "KCL and MCL learn labelled pairs first, for 50 epochs" in result.notes[1]


@pytest.mark.parametrize(
    ("study", "column", "values"),
    [
        ("ranking-k", "k", [2, 3]),
        ("unknown-number", "clusters", [2, 3]),
        pytest.param("discovery-rivals", "method", RIVALS, marks=pytest.mark.slow),
    ],
)
def test_from_the_command_line(tmp_path, monkeypatch, study, column, values):
    monkeypatch.setattr("jzsl.studies.ranking_k.K", (3,))
    monkeypatch.setattr("jzsl.studies.unknown_number.FACTORS", ())
    monkeypatch.setattr("jzsl.studies.unknown_number.ESTIMATORS", (Fixed(2),))
    config = tmp_path / "small.py"
    config.write_text(
        "from jzsl.config import *\nfrom tests.studies.test_discovery_studies import DATA, LABELS, METHOD\n"
        "from jzsl.tasks.discovery import Discovery\n"
        "CONFIG = Experiment(DATA, METHOD, Train(epochs=1), (Discovery(),), stages=(LABELS,))\n"
    )
    arguments = ["study", study, "--config", str(config), "--seeds", "1", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert [row[column] for row in saved["rows"]] == values
    assert all(100 / 3 <= row["ACC_new_pool"] <= 100 for row in saved["rows"])
    assert (tmp_path / "out" / "figure.svg").exists()


def test_other_methods_and_data_are_refused():
    with pytest.raises(InputError, match=r"base: turns \(RotNet\) found, expected a config whose method is AutoNovel"):
        discovery_ablation(replace(SETUP, bases={"turns": TURNS.method}))
    with pytest.raises(InputError, match="no labelled samples found, expected some of old classes"):
        discovery_ablation(replace(SETUP, problem=Clustered(IMAGES).load()))
