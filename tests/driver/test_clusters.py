"""Runs that discover classes: their result, their saved model, and the experiments that are refused."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from jzsl.config import Experiment, Stage, Train
from jzsl.data.clustered import Clustered
from jzsl.data.digits import Digits
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.driver import predictions, saved_model
from jzsl.driver.cluster_validity import silhouette
from jzsl.driver.plan import plan_of
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.k_means import KMeans
from jzsl.methods.s2v import S2V
from jzsl.methods.supervised import Supervised
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.sths import STHS
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.old_held_out import OldHeldOut

DIGITS = PerClass(Digits(unseen=(), validation=()), train=30, test=10)
DISCOVERY = Experiment(
    NewClasses(DIGITS, new=("7", "8", "9"), clusters=4),
    KMeans(restarts=2),
    tasks=(Discovery(), DiscoveryHeldOut()),
    transform=Unscaled(),
    seeds=2,
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("clusters") / "run"
    run(DISCOVERY, out, False, Console(quiet=True))
    return out


def test_the_result_says_how_many_clusters_there_were(run_dir):
    result = json.loads((run_dir / "result.json").read_text())
    assert result["setting"] == "discovery of new classes"
    clusters = result["clusters"]
    assert {name: clusters[name] for name in ("number", "how", "classes", "error")} == {
        "number": 4, "how": "given", "classes": 3, "error": 1,
    }  # fmt: skip
    for name in (*Discovery.numbers, *DiscoveryHeldOut.numbers):
        assert 0 <= result[name]["mean"] <= 100
    assert result["ACC_old"]["mean"] > 80  # of seven digits
    assert result["ACC_new_pool"]["mean"] > 50  # of three


def test_a_saved_model_predicts_clusters_by_their_names(run_dir):
    problem = DISCOVERY.load()
    model = saved_model.load(run_dir / "checkpoints" / "seed-0", DISCOVERY)
    assert model.names == ("new-1", "new-2", "new-3", "new-4")
    np.testing.assert_array_equal(model.classes.clusters, problem.cluster_classes)
    held_out = saved_model.load(run_dir / "checkpoints" / "seed-0", DISCOVERY, "discovery_held_out")
    assert held_out.names == ("0", "1", "2", "3", "4", "5", "6", *model.names)
    test = problem.splits.test_seen
    predicted = held_out.candidates[held_out.scores(problem.samples[test]).argmax(1)]
    accuracy = 100 * np.mean(predicted == problem.labels[test])
    assert accuracy == pytest.approx(json.loads((run_dir / "result.json").read_text())["ACC_old"]["values"][0])


def test_a_finished_run_resumes_to_the_same_result(run_dir):
    result = run(DISCOVERY, run_dir, True, Console(quiet=True))
    assert result == json.loads((run_dir / "result.json").read_text())


def test_sizes_and_silhouette_are_those_of_the_predictions(run_dir):
    problem, clusters = DISCOVERY.load(), json.loads((run_dir / "result.json").read_text())["clusters"]
    for seed in range(2):
        predicted = predictions.load(run_dir, seed, DISCOVERY.tasks)["discovery"]
        names = [problem.class_names[number] for number in predicted.predicted]
        assert clusters["sizes"][seed] == {f"new-{number}": names.count(f"new-{number}") for number in range(1, 5)}
        x = PCA(50, svd_solver="full").fit_transform(problem.samples[predicted.samples])
        assert clusters["silhouette"][seed] == pytest.approx(silhouette_score(x, predicted.predicted), abs=1e-3)


def test_sizes_are_of_new_classes_whatever_task_is_first(tmp_path, run_dir):
    clusters = json.loads((run_dir / "result.json").read_text())["clusters"]
    reordered = dataclasses.replace(DISCOVERY, tasks=(OldHeldOut(), DiscoveryHeldOut(), Discovery()))
    assert run(reordered, tmp_path / "reordered", False, Console(quiet=True))["clusters"] == clusters
    old = dataclasses.replace(DISCOVERY, tasks=(OldHeldOut(),), seeds=1)
    assert not {"sizes", "silhouette"} & set(run(old, tmp_path / "old", False, Console(quiet=True))["clusters"])


def test_one_cluster_has_no_silhouette():
    problem = DISCOVERY.load()
    samples = problem.splits.unlabelled
    assert silhouette(problem, samples, np.zeros(len(samples), int)) is None
    assert silhouette(problem, samples, np.arange(len(samples))) is None


def refused(**changes) -> Callable[[], object]:
    def make():
        experiment = dataclasses.replace(DISCOVERY, **changes)
        return plan_of(experiment.load(), experiment)

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            refused(method=Supervised()),
            "Supervised discovers no classes, so it has no answer to discovery, discovery_h",
        ),
        (refused(method=S2V()), "S2V discovers no classes"),
        (refused(tasks=(Discovery(), GZSL())), "discovery, gzsl found, but those of clusters need another problem"),
        (refused(self_training=STHS()), "self_training: given, but it assigns samples to known classes"),
        (refused(tasks=(Clustering(),)), "labelled samples, expected none for clustering"),
        (refused(data=Clustered(DIGITS)), "so there are no old classes for discovery"),
        (refused(data=DIGITS), "no clusters to be discovered"),
        (refused(stages=(Stage("first", Supervised(), 1),)), "KMeans takes no variables over"),
        (refused(calibration=True), "calibration: given for the tasks discovery, discovery_held_out"),
        (refused(samples_per_block=64), "samples_per_block: given"),
    ],
)
def test_experiments_that_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


class Iterative(KMeans):
    """A method that needs a number of epochs."""

    def build(self, task):
        return super().build(task)._replace(closed_form=False)


def test_the_number_of_epochs_must_be_given():
    with pytest.raises(InputError, match=r"train\.epochs: None found, expected a number: for discovery,"):
        refused(method=Iterative())()
    with pytest.raises(InputError, match=r"train\.epochs: None found"):
        refused(method=Iterative(), train=Train(steps=10))()
