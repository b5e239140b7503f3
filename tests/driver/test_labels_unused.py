"""The labels of unlabelled samples reach the scores of a run, and nothing else."""

import json
from dataclasses import dataclass, replace

import jax
import numpy as np
import pytest
from rich.console import Console

from jzsl.config import Experiment, Stage, Train
from jzsl.data.digits_images import DigitImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.data.source import SourceConfig
from jzsl.driver import saved_model
from jzsl.driver.runner import run
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.learning_to_cluster import LearningToCluster
from jzsl.metrics.clustering import agreement
from jzsl.nets.mlp import MLP
from jzsl.problem.transforms import Unscaled
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.optimizers.adam import Adam
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours

NETWORK = MLP((16,))
TRUE = NewClasses(PerClass(DigitImages(unseen=()), train=12, test=4), new=("7", "8", "9"))


@dataclass(frozen=True)
class Permuted:
    """The unlabelled samples of a source with each other's labels."""

    data: SourceConfig = TRUE

    def load(self):
        problem = self.data.load()
        labels, pool = problem.labels.copy(), problem.splits.unlabelled
        labels[pool] = np.random.default_rng(0).permutation(labels[pool])
        return replace(problem, labels=labels)


METHODS = {
    "autonovel": AutoNovel(
        NETWORK, PaddedCrop(1), similarity=NearestNeighbours(5), incremental=True, optimizer=Adam(1e-2), learned=None
    ),
    "learned pairs": LearningToCluster(
        NETWORK, PaddedCrop(1), similarity_epochs=2, similarity_hidden=8, optimizer=Adam(1e-2)
    ),
}


def trained(method, data, out):
    experiment = Experiment(
        data,
        method,
        Train(epochs=4, chunk=2),
        (Discovery(),),
        transform=Unscaled(),
        seeds=1,
        stages=(Stage("supervised", ImageClassifier(NETWORK, optimizer=Adam(1e-2)), 1),),
    )
    run(experiment, out, False, Console(quiet=True))
    return saved_model.load(out / "checkpoints" / "seed-0", experiment), json.loads((out / "result.json").read_text())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_permuted_labels_of_unlabelled_samples_change_the_scores_alone(tmp_path, method):
    (model, result), (other, of_permuted) = (
        trained(method, data, tmp_path / name) for name, data in (("true", TRUE), ("permuted", Permuted()))
    )
    leaves, others = (jax.tree_util.tree_leaves_with_path(each.predictor) for each in (model, other))
    assert [path for path, _ in leaves] == [path for path, _ in others]
    for (_, leaf), (_, same) in zip(leaves, others, strict=True):
        np.testing.assert_array_equal(leaf, same)
    for name, of in (("true", result), ("permuted", of_permuted)):
        problem = (TRUE if name == "true" else Permuted()).load()
        pool = problem.splits.unlabelled
        predicted = model.candidates[model.scores(problem.samples[pool]).argmax(1)]
        assert of["ACC_new_pool"]["values"] == [agreement(problem.labels[pool], predicted)["ACC"]]
    assert result["NMI_new_pool"] != of_permuted["NMI_new_pool"]
