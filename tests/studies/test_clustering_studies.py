"""The studies of LSD-C: their variants, their tables, and the edges between points of the plane."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import kneighbors_graph

from jzsl.config import Stage
from jzsl.data.clustered import Clustered
from jzsl.data.digits_images import DigitImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.data.two_moons import TwoMoons
from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.k_means import KMeans
from jzsl.methods.lsd_c import LSDC
from jzsl.nets.mlp import MLP
from jzsl.problem.transforms import Unscaled
from jzsl.studies.clustering_ablation import K_MEANS, WHOLE, clustering_ablation, similarities, variants
from jzsl.studies.clusters import Trials
from jzsl.studies.study import StudySetup, write
from jzsl.studies.two_moons import edges, two_moons
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.noise import GaussianNoise
from jzsl.training.augment.ricap import RICAP
from jzsl.training.optimizers.adam import Adam
from jzsl.training.similarities.cosine import Cosine
from jzsl.training.similarities.euclidean import Euclidean
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.symmetric_sne import SymmetricSNE

IMAGES = PerClass(DigitImages(unseen=()), train=6, test=2)
METHOD = LSDC(
    MLP((16,)), PaddedCrop(1), similarity=NearestNeighbours(5), mix=MixUp(0.5), optimizer=Adam(1e-2), learned=None
)
POINTS = replace(METHOD, augment=GaussianNoise(0.05), mix=None)
SETUP = StudySetup(IMAGES.load(), {"small": METHOD}, Unscaled(), 1, 2)


def test_similarities_have_about_as_many_edges():
    assert similarities(METHOD, 61) == {
        "L2": Euclidean(density=0.05),
        "cosine": Cosine(threshold=None, density=0.05),
        "kNN": METHOD.similarity,
        "SNE": SymmetricSNE(threshold=None, density=0.05),
    }
    of_config = similarities(replace(METHOD, similarity=Cosine(0.8)), 181)
    assert of_config["cosine"] == Cosine(0.8)
    assert (of_config["kNN"], of_config["L2"]) == (NearestNeighbours(20), Euclidean(density=0.1))


def test_each_variant_differs_in_one_part():
    of = variants(METHOD, 61, (8, 8, 1))
    assert of[WHOLE] == METHOD
    for name, similarity in similarities(METHOD, 61).items():
        assert of["features", name] == replace(METHOD, similarity=similarity)
        assert of["predictions", name] == replace(METHOD, similarity=similarity, on_predictions=True)
    assert [key for key in of if key[0] not in ("config", "features", "predictions")] == [
        ("composition", "RICAP"), ("composition", "MixUp"), ("composition", "none"), ("loss", "without consistency"),
        ("head", "linear"), ("head", "hidden layer"),
    ]  # fmt: skip
    assert of["composition", "RICAP"].mix == RICAP(keep_large=True)
    assert of["composition", "MixUp"] == METHOD
    assert of["composition", "none"].mix is None
    assert of["loss", "without consistency"] == replace(METHOD, consistency_weight=0.0)
    assert of["head", "hidden layer"] == replace(METHOD, hidden=16)
    assert of["head", "linear"] == METHOD
    assert ("composition", "RICAP") not in variants(POINTS, 61, (2,))


def test_the_table_of_the_ablation(monkeypatch):
    """ACC_pool is what the variant says, in the second seed 2 more; nothing is trained."""
    asked = []

    def metrics(trials, variant):
        asked.append(variant)
        method = variant.method
        lost = 30 if isinstance(method, KMeans) else 10 * method.on_predictions + 4 * (method.mix is None)
        return [{"ACC_pool": 80.0 - lost + 2 * seed, "NMI_pool": 50.0} for seed in range(2)]

    monkeypatch.setattr(Trials, "metrics", metrics)
    result = clustering_ablation(SETUP)
    rows = {(row["part"], row["variant"]): row for row in result.rows}
    assert list(rows) == [*variants(METHOD, 60, (8, 8, 1)), K_MEANS]
    assert rows["predictions", "kNN"] == {
        "base": "small", "part": "predictions", "variant": "kNN", "ACC_pool": 71.0, "std": 1.41,
        "values": "70.00 72.00", "NMI_pool": 50.0, "vs config": -10.0, "p": None,
    }  # fmt: skip
    assert rows["features", "kNN"]["vs config"] is None  # the config's own
    assert rows["composition", "none"]["vs config"] == -4.0
    assert "to compare samples than predictions holds here in the mean only" in result.answer
    assert "That consistency helps does NOT hold here (+0.0 points)" in result.answer
    assert "LSD-C is better than k-means holds here in the mean only" in result.answer
    assert asked[-1].method == KMeans()
    stage = Stage("labels", ImageClassifier(METHOD.network), 1)
    clustering_ablation(replace(SETUP, stages=(stage,)))
    assert asked[-1] == (KMeans(METHOD.network), (stage,))


def test_edges_of_points_are_scikit_learns_neighbours():
    points = TwoMoons(60).load().samples
    graphs = edges(POINTS, points)
    directed = np.asarray(kneighbors_graph(points, 4).todense())
    np.testing.assert_array_equal(graphs["kNN"], np.maximum(directed, directed.T))
    assert {int(graph.sum()) for graph in graphs.values()} == {int(graphs["kNN"].sum())}
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    connected = graphs["L2"] > 0
    assert distances[connected].max() < distances[~connected & ~np.eye(60, dtype=bool)].min()


class Halves:
    """What training would leave: k-means divides the plane at x = 0.5, LSD-C finds the moons but for one point."""

    def __init__(self, variant):
        problem = SETUP_OF_POINTS.problem
        self.samples = problem.splits.unlabelled
        x, clusters = problem.samples[self.samples], problem.labels[self.samples].copy()
        clusters[0] = 1 - clusters[0]
        self.clusters = (x[:, 0] > 0.5).astype(int) if isinstance(variant.method, KMeans) else clusters

    def states(self, seed):
        yield seed

    def scored(self, state):
        return None, np.eye(2)[self.clusters]


SETUP_OF_POINTS = StudySetup(Clustered(TwoMoons(60)).load(), {"points": POINTS}, Unscaled(), 2, 2)


def test_two_moons_have_a_table_and_a_figure(monkeypatch, tmp_path):
    monkeypatch.setattr(Trials, "runs", lambda trials, variant: Halves(variant))
    result = two_moons(SETUP_OF_POINTS)
    kinds = ["L2", "cosine", "kNN", "SNE"]
    assert [row["clustering"] for row in result.rows] == ["k-means", *kinds]
    assert [row["ACC_pool"] for row in result.rows[1:]] == [97.92] * 4  # 47 of 48
    assert result.rows[0]["ACC_pool"] < 90
    assert result.rows[0]["edges"] is None
    assert len({row["edges"] for row in result.rows[1:]}) == 1
    assert "48 points, 2 clusters" in result.notes[0]
    assert "That LSD-C with kNN is better than k-means holds here in the mean only" in result.answer
    assert "That nearest neighbours connect every point holds here" in result.answer
    write("Two moons?", result, tmp_path / "out", {})
    assert (tmp_path / "out" / "figure.png").exists()


def test_other_methods_and_data_are_refused():
    with pytest.raises(InputError, match=r"base: k \(KMeans\) found, expected a config whose method is LSDC"):
        clustering_ablation(replace(SETUP, bases={"k": KMeans()}))
    with pytest.raises(InputError, match="labelled samples found, expected data of Clustered"):
        clustering_ablation(replace(SETUP, problem=NewClasses(IMAGES, new=("7",)).load()))
    with pytest.raises(InputError, match=r"samples of shape \(8, 8, 1\), expected points of the plane"):
        two_moons(replace(SETUP, problem=Clustered(IMAGES).load()))
    with pytest.raises(InputError, match="count: 3 found, expected at least 4 points"):
        TwoMoons(3)
