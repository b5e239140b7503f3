"""Problems with clusters to be discovered: what the view shows, which tasks they have, what labels change."""

import dataclasses

import numpy as np
import pytest

from jzsl.data.clustered import Clustered
from jzsl.data.digits import Digits
from jzsl.data.new_classes import NewClasses
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive, queries_of, view_of
from jzsl.problem.transforms import MinMax
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.clustering_held_out import ClusteringHeldOut
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.old_held_out import OldHeldOut
from jzsl.tasks.unlabelled_pool import UnlabelledPool
from jzsl.tasks.zsl import ZSL
from jzsl.types import Setting

DIGITS = Digits(unseen=(), validation=())
NEW = NewClasses(DIGITS, new=("5", "6", "7", "8", "9"))


@pytest.fixture(scope="module")
def discovery():
    return NEW.load()


@pytest.fixture(scope="module")
def clustering():
    return Clustered(DIGITS, clusters=4).load()


def test_a_view_shows_clusters_and_no_class_of_an_unlabelled_sample(discovery):
    view = inductive(discovery)
    np.testing.assert_array_equal(view.unseen, np.arange(10, 15))
    np.testing.assert_array_equal(view.classes.clusters, np.arange(10, 15))
    np.testing.assert_array_equal(view.classes.seen, np.arange(15) < 5)
    assert view.classes.semantics is None
    assert (view.labelled, view.unlabelled) == (len(discovery.splits.train), len(discovery.splits.unlabelled))
    np.testing.assert_array_equal(view.pool.y[view.unlabelled_samples], -1)
    assert view.setting is Setting.discovery
    assert set(view.queries) == {"discovery", "discovery_held_out", "unlabelled_pool", "old_held_out"}
    np.testing.assert_array_equal(view.queries["discovery"].candidates, np.arange(10, 15))
    held_out = view.queries["discovery_held_out"]
    np.testing.assert_array_equal(held_out.candidates, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    assert set(held_out.samples) == {*discovery.splits.test_seen, *discovery.splits.test_unseen}
    assert set(view.queries["discovery"].samples) == set(discovery.splits.unlabelled)


def test_a_view_without_labelled_samples(clustering):
    view = inductive(clustering)
    assert view.setting is Setting.clustering
    assert (view.labelled, len(view.seen)) == (0, 0)
    assert set(view.queries) == {"clustering", "clustering_held_out", "unlabelled_pool"}
    expected = MinMax().fit(clustering.samples[clustering.splits.unlabelled])
    np.testing.assert_array_equal(view.transform.span, expected.span)
    np.testing.assert_array_equal(view.queries["clustering"].candidates, np.arange(10, 14))


def test_labels_of_unlabelled_samples_change_scores_only(discovery):
    """Shuffling them changes no bit of what training sees, but does change the score."""
    labels, pool = discovery.labels.copy(), discovery.splits.unlabelled
    labels[pool] = np.random.default_rng(1).permutation(labels[pool])
    shuffled = dataclasses.replace(discovery, labels=labels)
    one, two = (view_of(problem, tasks=[Discovery()]) for problem in (discovery, shuffled))
    for before, after in zip((*one.pool[:3], one.classes.seen, *one.transform[:2]),
                             (*two.pool[:3], two.classes.seen, *two.transform[:2]), strict=True):  # fmt: skip
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(one.queries["discovery"].samples, two.queries["discovery"].samples)
    scores = np.eye(5)[labels[one.queries["discovery"].samples] - 5]
    assert Protocol(shuffled, two).score(Discovery(), scores)["ACC_new_pool"] == pytest.approx(100)
    assert Protocol(discovery, one).score(Discovery(), scores)["ACC_new_pool"] < 30


@pytest.mark.parametrize("task", [Discovery(), DiscoveryHeldOut()])
def test_the_order_of_clusters_does_not_matter(discovery, random, task):
    view = inductive(discovery)
    protocol, queries = Protocol(discovery, view), view.queries[task.name]
    scores = random.normal(size=(len(queries.samples), len(queries.candidates)))
    order = np.arange(len(queries.candidates))
    order[-5:] = random.permutation(order[-5:])
    assert protocol.score(task, scores) == pytest.approx(protocol.score(task, scores[:, order]))


def test_unlabelled_samples_of_old_or_unknown_class_are_not_scored(discovery):
    labels, pool = discovery.labels.copy(), discovery.splits.unlabelled
    labels[pool[:20]], labels[pool[20:50]] = 0, -1
    problem = dataclasses.replace(discovery, labels=labels)
    assert set(queries_of(problem, Discovery()).samples) == set(pool[50:])
    labels[pool] = -1
    unknown = dataclasses.replace(discovery, labels=labels)
    with pytest.raises(
        InputError, match=r"discovery has no samples .*; without labels there is UnlabelledPool and Old"
    ):
        queries_of(unknown, Discovery())
    assert set(queries_of(unknown, UnlabelledPool()).samples) == set(pool)
    assert set(queries_of(unknown, OldHeldOut()).samples) == set(discovery.splits.test_seen)


def test_what_is_known_without_labels(discovery, random):
    """Sizes do not depend on labels; the accuracy of old classes is that of discovery_held_out."""
    view = inductive(discovery)
    protocol = Protocol(discovery, view)
    queries, held_out = view.queries["old_held_out"], view.queries["discovery_held_out"]
    scores = random.normal(size=(len(held_out.samples), 10))
    scores[np.arange(len(scores)), discovery.labels[held_out.samples]] += 2
    position = {sample: row for row, sample in enumerate(held_out.samples)}
    of_old = scores[[position[sample] for sample in queries.samples]]
    expected = protocol.score(DiscoveryHeldOut(), scores)["ACC_old"]
    assert 20 < expected < 95
    assert protocol.score(OldHeldOut(), of_old)["ACC_old"] == pytest.approx(expected)
    scores = np.eye(5)[np.repeat([0, 1, 2], [len(discovery.splits.unlabelled) - 30, 20, 10])]
    sizes = protocol.score(UnlabelledPool(), scores)
    assert sizes["largest_cluster_pool"] == pytest.approx(100 * (len(scores) - 30) / len(scores))
    assert sizes["smallest_cluster_pool"] == 0


@pytest.mark.parametrize("task", [ZSL(), GZSL(), Adaptation()])
def test_other_tasks_refuse_clusters(discovery, task):
    with pytest.raises(InputError, match=f"5 classes are clusters .* the task {task.name} does not score"):
        queries_of(discovery, task)


@pytest.mark.parametrize(
    "task", [Discovery(), DiscoveryHeldOut(), Clustering(), ClusteringHeldOut(), UnlabelledPool(), OldHeldOut()]
)
def test_tasks_of_clusters_refuse_problems_without(problem, task):
    with pytest.raises(InputError, match=f"no clusters to be discovered, which the task {task.name} scores"):
        queries_of(problem, task)


def test_discovery_has_old_classes_and_clustering_none(discovery, clustering):
    for task in (Discovery(), DiscoveryHeldOut(), OldHeldOut()):
        with pytest.raises(InputError, match=f"no samples, so there are no old classes for {task.name}"):
            queries_of(clustering, task)
    for task in (Clustering(), ClusteringHeldOut()):
        with pytest.raises(InputError, match=f"721 labelled samples, expected none for {task.name}"):
            queries_of(discovery, task)
    everything = NewClasses(Digits(unseen=(3, 5, 6)), held_out=0).load()
    with pytest.raises(InputError, match="discovery_held_out has no samples of new classes to score"):
        queries_of(everything, DiscoveryHeldOut())
