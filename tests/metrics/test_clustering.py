"""Clustering accuracy against all permutations, and the joint assignment against a loop over all of them."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from jzsl.metrics.clustering import agreement, assignment, clustering_accuracy, contingency, joint_accuracies


def by_all_maps(truth, predicted):
    """The best share of right samples over all one-to-one maps of clusters to classes."""
    clusters, classes = np.unique(predicted), list(np.unique(truth))
    classes += [-1] * max(0, len(clusters) - len(classes))
    return max(
        np.mean([dict(zip(clusters, chosen, strict=True))[p] == t for p, t in zip(predicted, truth, strict=True)])
        for chosen in itertools.permutations(classes, len(clusters))
    )


@pytest.mark.parametrize(("classes", "clusters"), [(4, 4), (3, 5), (5, 3), (1, 3), (3, 1)])
def test_accuracy_is_the_best_of_all_permutations(random, classes, clusters):
    for _ in range(10):
        truth, predicted = random.integers(0, classes, 23), 40 + random.integers(0, clusters, 23)
        assert clustering_accuracy(truth, predicted) == pytest.approx(by_all_maps(truth, predicted))


def test_names_of_clusters_do_not_matter(random):
    truth, predicted = random.integers(0, 5, 60), random.integers(0, 5, 60)
    renamed = random.permutation(5)[predicted] + 7
    assert agreement(truth, predicted) == pytest.approx(agreement(truth, renamed))
    assert agreement(truth, predicted) == pytest.approx(
        {
            "ACC": 100 * by_all_maps(truth, predicted),
            "NMI": 100 * normalized_mutual_info_score(truth, predicted),
            "ARI": 100 * adjusted_rand_score(truth, predicted),
        }
    )
    assert agreement(truth, (truth + 2) % 5) == pytest.approx({"ACC": 100, "NMI": 100, "ARI": 100})


def test_contingency_counts_samples_of_both_lists():
    truth, predicted = np.array([2, 2, 5, 5, 9, 2]), np.array([7, 8, 8, 8, 7, 1])
    counts = contingency(truth, predicted, np.array([2, 5]), np.array([7, 8]))
    np.testing.assert_array_equal(counts, [[1, 0], [1, 2]])
    assert assignment(truth, predicted, np.array([2, 5]), np.array([7, 8])) == {7: 2, 8: 5}


def test_one_joint_assignment_in_a_case_by_hand():
    """Old classes 0 and 1, new ones 2 and 3, clusters 10 and 11.

    Cluster 10 has three samples of class 2 and one of class 3, cluster 11 one of class 2: 10 stands for 2, 11 for 3,
    which is wrong for its only new sample. One sample of class 2 is predicted as old class 0: wrong.
    """
    truth = np.array([0, 0, 1, 1, 2, 2, 2, 2, 2, 3])
    predicted = np.array([0, 10, 1, 0, 10, 10, 10, 11, 0, 10])
    accuracies = joint_accuracies(truth, predicted, np.array([0, 1]), np.array([10, 11]))
    assert accuracies["ACC_old"] == pytest.approx(50)
    assert accuracies["ACC_new"] == pytest.approx(50)
    assert accuracies["ACC_all"] == pytest.approx(50)


def test_the_joint_assignment_is_the_best_one_of_new_classes(random):
    old, new, clusters = np.arange(3), np.arange(3, 6), np.arange(10, 14)
    truth = random.integers(0, 6, 50)
    predicted = random.choice(np.concatenate([old, clusters]), 50)
    best = max(
        np.mean([{**{0: 0, 1: 1, 2: 2}, **dict(zip(chosen, new, strict=True))}.get(p) == t
                 for p, t in zip(predicted, truth, strict=True)])
        for chosen in itertools.permutations(clusters, 3)
    )  # fmt: skip
    accuracies = joint_accuracies(truth, predicted, old, clusters)
    assert accuracies["ACC_all"] == pytest.approx(100 * best)
    share = np.mean(truth >= 3)
    mean = share * accuracies["ACC_new"] + (1 - share) * accuracies["ACC_old"]
    assert accuracies["ACC_all"] == pytest.approx(mean)


def test_the_legacy_numbers_have_an_assignment_each():
    """Old classes that are always confused with each other: wrong jointly, right under an assignment of their own."""
    truth = np.array([0, 0, 1, 1, 2, 2])
    predicted = np.array([1, 1, 0, 0, 10, 10])
    accuracies = joint_accuracies(truth, predicted, np.array([0, 1]), np.array([10]))
    assert [accuracies[f"ACC_{name}"] for name in ("old", "new", "all")] == pytest.approx([0, 100, 100 / 3])
    assert [accuracies[f"ACC_{name}_legacy"] for name in ("old", "new", "all")] == pytest.approx([100, 100, 100])
