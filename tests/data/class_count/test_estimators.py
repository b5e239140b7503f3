"""Estimates of the number of classes: right where classes are far apart; constrained k-means by hand."""

from typing import Any

import numpy as np
import pytest
from sklearn import cluster, datasets

from jzsl.data.class_count.compactness import Compactness, distances
from jzsl.data.class_count.constrained_k_means import constrained_k_means
from jzsl.data.class_count.estimate import reduced
from jzsl.data.class_count.probe_classes import ProbeClasses, probe_accuracy
from jzsl.data.class_count.silhouette import Silhouette
from jzsl.data.clustered import Clustered
from jzsl.data.digits import Digits
from jzsl.data.new_classes import NewClasses
from jzsl.errors import InputError

OLD, NEW = 6, 4
reference: Any = cluster.KMeans  # scikit-learn's own annotations are too narrow
make_blobs: Any = datasets.make_blobs


@pytest.fixture(scope="module")
def blobs():
    """Six labelled and four unlabelled classes, far apart."""
    centres = 12.0 * np.random.default_rng(0).normal(size=(OLD + NEW, 8))
    x, y = make_blobs([25] * (OLD + NEW), centers=centres, random_state=4)
    return x[y < OLD], y[y < OLD], x[y >= OLD]


@pytest.mark.parametrize("estimator", [Compactness(most=12), ProbeClasses(most=8, divisions=2), Silhouette(most=12)])
def test_classes_that_are_far_apart_are_counted(blobs, estimator):
    estimate = estimator.estimate(*blobs)
    assert estimate.classes == NEW
    assert type(estimator).__name__ in estimate.words
    assert estimate == estimator.estimate(*blobs)


def test_names_of_labelled_classes_do_not_matter(blobs):
    x, y, new = blobs
    for estimator in (Compactness(most=12), ProbeClasses(most=8, divisions=2)):
        assert estimator.estimate(x, 3 * y + 7, new).classes == NEW


def test_the_bisection_finds_the_fewest_clusters_of_the_same_distortion(blobs):
    x, y, new = blobs
    noisy = x + 3 * np.random.default_rng(2).normal(size=x.shape)
    square, label = distances(noisy, OLD)
    spread = np.std([square[label == number].mean() for number in range(OLD)], ddof=1)
    fewest = next(
        number
        for number in range(2, 13)
        if distances(new, number)[0].mean() <= square.mean() + spread * np.sqrt(1 / OLD + 1 / number)
    )
    assert Compactness(most=12).estimate(noisy, y, new).classes == fewest


def test_distances_are_those_of_k_means_to_the_nearest_centre():
    """Of overlapping clusters, which starts and rules of stopping divide in several ways."""
    x, _ = make_blobs([40] * 8, centers=3 * np.random.default_rng(1).normal(size=(8, 4)), random_state=5)
    square, label = distances(x, 12)
    fitted = reference(12, n_init=3, random_state=0).fit(x)
    assert square.sum() == pytest.approx(fitted.inertia_, rel=1e-9)
    np.testing.assert_array_equal(label, fitted.labels_)


def test_labelled_samples_stay_in_their_clusters():
    """The sample at 9 would be nearer to the other cluster, but its label holds it."""
    x = np.array([[0.0], [9.0], [1.0], [10.0], [11.0]])
    fixed = np.array([0, 0, -1, -1, -1])
    label = constrained_k_means(np.random.default_rng(0), x, fixed, 2)
    np.testing.assert_array_equal(label, [0, 0, 0, 1, 1])


def test_without_labels_it_is_k_means():
    x = np.random.default_rng(3).normal(size=(90, 3)) + 6 * np.repeat(np.eye(3), 30, 0)
    label = constrained_k_means(np.random.default_rng(0), x, np.full(90, -1), 3)
    centres = np.stack([x[label == number].mean(0) for number in range(3)])
    inertia = np.sum((x - centres[label]) ** 2)
    assert inertia == pytest.approx(reference(3, n_init=10, random_state=0).fit(x).inertia_, rel=1e-6)


def test_unlabelled_samples_in_the_cluster_of_a_probe_class_are_wrong():
    """Clusters 0 and 1 are those of classes 4 and 7; one unlabelled sample is in cluster 1, one in an anchor's."""
    y = np.array([4, 4, 7, 7, -1, -1, -1, -1])
    label = np.array([0, 0, 1, 2, 1, 2, 2, -1])
    assert probe_accuracy(y, label, 3) == pytest.approx(5 / 8)
    assert probe_accuracy(y[:4], label[:4], 3) == pytest.approx(3 / 4)


def test_images_and_long_vectors_become_fifty_components(random):
    images, none = random.integers(0, 256, (80, 8, 8, 1)).astype(np.uint8), np.zeros((0, 8, 8, 1), np.uint8)
    short, empty = reduced(images, none)
    assert (short.shape, empty.shape) == ((80, 50), (0, 50))
    np.testing.assert_array_equal(reduced(images[:, :2])[0], images[:, :2].reshape(80, -1))


def test_a_source_estimates_and_says_so():
    digits = Digits(unseen=(), validation=())
    problem = NewClasses(digits, new=("0", "1", "2", "3", "4"), clusters="estimated", estimator=Compactness(2, 9, 300))
    problem = problem.load()
    assert problem.provenance.clusters == "estimated by Compactness"
    assert 3 <= problem.clusters <= 8
    assert problem.class_names[-1] == f"new-{problem.clusters}"
    clustered = Clustered(digits, clusters="estimated", estimator=Silhouette(8, 9, 200)).load()
    assert clustered.provenance.clusters == "estimated by Silhouette"
    assert clustered.clusters in (8, 9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda x, y, new: ProbeClasses().estimate(x[y < 3], y[y < 3], new),
            "3 labelled classes found, expected",
        ),
        (
            lambda x, y, new: Compactness().estimate(x[:0], y[:0], new),
            "0 labelled classes found, expected",
        ),
        (lambda x, y, new: Silhouette(least=9, most=4).estimate(x, y, new), "9 to 4 classes found for 100 samples"),
        (lambda x, y, new: ProbeClasses(anchors=1.0), "anchors: 1.0 found"),
        (lambda x, y, new: Compactness(samples=0), "samples: 0 found"),
    ],
)
def test_mistakes(blobs, make, message):
    with pytest.raises(InputError, match=message):
        make(*blobs)
