"""The part of a report that shows discovered clusters."""

import numpy as np
import pytest
from rich.console import Console

from jzsl.config import Experiment
from jzsl.data.digits_images import DigitImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.driver.cluster_names import give_names
from jzsl.driver.runner import run
from jzsl.methods.k_means import KMeans
from jzsl.report.cluster_charts import cluster_table, discovered_clusters, embedded
from jzsl.report.page import write_report
from jzsl.report.run_artifacts import read
from jzsl.report.words import cluster_words
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut

DIGITS = PerClass(DigitImages(unseen=(), validation=()), train=12, test=4)
EXPERIMENT = Experiment(
    NewClasses(DIGITS, new=("7", "8", "9"), clusters=4),
    KMeans(restarts=2),
    tasks=(Discovery(), DiscoveryHeldOut()),
    seeds=1,
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "run"
    run(EXPERIMENT, out, False, Console(quiet=True))
    give_names(out, 0, {"new-2": "otter"})
    return out


@pytest.mark.parametrize(("number", "classes", "words"), [
    (7, 5, "7 clusters (given), for 5 classes"),
    (1, 1, "1 cluster (given), for 1 class"),
    (2, None, "2 clusters (given)"),
])  # fmt: skip
def test_words_for_the_number_of_clusters(number, classes, words):
    assert cluster_words({"number": number, "how": "given", "classes": classes}) == words


def test_clusters_are_those_of_the_predictions(run_dir):
    artifacts = read(run_dir)
    assert artifacts.problem is not None
    predictions = artifacts.of_task(artifacts.task)[0]
    discovered = discovered_clusters(artifacts)
    assert sorted(one.number for one in discovered) == [10, 11, 12, 13]
    assert [one.partner for one in discovered] == [7, 8, 9, None]
    right = sum(np.sum(predictions.truth[one.members] == one.partner) for one in discovered if one.partner is not None)
    assert 100 * right / len(predictions.truth) == pytest.approx(artifacts.result["ACC_new_pool"]["mean"])
    share = np.exp(predictions.scores - predictions.scores.max(1, keepdims=True))
    confidence = 1 / share.sum(1)
    for one in discovered:
        assert set(one.members) == set(np.flatnonzero(predictions.predicted == one.number))
        assert (np.diff(confidence[one.members]) <= 1e-6).all()
    pixels = artifacts.problem.samples[predictions.samples].reshape(len(predictions.samples), -1) / 255
    np.testing.assert_allclose(embedded(artifacts, artifacts.problem, predictions), pixels, atol=1e-6)


def test_the_table_counts(run_dir):
    artifacts = read(run_dir)
    predictions = artifacts.of_task(artifacts.task)[0]
    _, rows = cluster_table(artifacts)
    names = [row[0] for row in rows]
    assert sorted(map(str, names)) == ["new-1", "new-3", "new-4", "otter"]
    assert sum(int(row[1]) for row in rows) == len(predictions.truth)
    for row, one in zip(rows, discovered_clusters(artifacts), strict=True):
        of_class = predictions.truth[one.members] == one.partner
        assert row[3] == pytest.approx(100 * of_class.mean())
        assert row[4] == pytest.approx(100 * of_class.sum() / max(1, np.sum(predictions.truth == one.partner)))


def test_samples_of_unknown_class_count_for_no_share(run_dir):
    artifacts = read(run_dir)
    predictions = artifacts.of_task(artifacts.task)[0]
    truth = np.where(np.arange(len(predictions.truth)) % 3 > 0, predictions.truth, -1)
    partly = artifacts._replace(predictions=[{artifacts.task.name: predictions._replace(truth=truth)}])
    _, rows = cluster_table(partly)
    for row, one in zip(rows, discovered_clusters(partly), strict=True):
        known = truth[one.members][truth[one.members] >= 0]
        assert row[3] == pytest.approx(100 * np.mean(known == one.partner) if len(known) else 0)
    none = predictions._replace(truth=np.full(len(truth), -1))
    headings, rows = cluster_table(artifacts._replace(predictions=[{artifacts.task.name: none}]))
    assert headings == ["cluster", "samples", "most confident samples"]
    assert sum(int(row[1]) for row in rows) == len(truth)


def test_the_page(run_dir):
    """Names that the user gave, how many clusters there were, and the charts."""
    page = write_report([run_dir]).read_text()
    assert "4 clusters (given), for 3 classes" in page
    assert "7 old classes, 4 clusters" in page
    assert "Discovery of new classes: training used labelled samples of old classes" in page
    assert "→ 7" in page
    assert ">otter<" in page
    for name in ("clusters-confusion", "cluster-gallery", "cluster-neighbours"):
        assert f'id="{name}"' in page
        assert (run_dir / "report_figures" / f"{name}.png").stat().st_size > 5000
    assert "Hardest and easiest" not in page
