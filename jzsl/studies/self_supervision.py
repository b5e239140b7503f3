"""What does a network learn from images without their labels? (RotNet, Gidaris et al., 2018; low-supervision thesis)

A linear classifier and nearest neighbours are trained on labelled images: on their pixels, on the features of the
network with its random weights, and on those after training. Held-out images are then classified, and turned.

Columns: features (of which network, untrained or trained), probe, A (%, mean over seeds), std, values (one per seed),
rotation accuracy (of held-out images in all four turns, %, chance is 25), seconds (of training).
"""

from typing import Any

import jax
import numpy as np

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.softmax import Softmax
from jzsl.errors import InputError
from jzsl.interfaces import ClassifierConfig, MethodConfig
from jzsl.methods.probe import Probe
from jzsl.methods.rotnet import RotNet, rotation_accuracy
from jzsl.nets.network import NetworkConfig
from jzsl.nets.pixels import Pixels
from jzsl.report.figures import grouped_bars
from jzsl.studies.harness import Harness
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, seed_columns
from jzsl.tasks.adaptation import Adaptation

PROBES: dict[str, ClassifierConfig] = {
    "linear": Softmax(epochs=100, learning_rate=1e-2, batch_size=256),
    "neighbours": KNN(20),
}
PIXELS = "raw pixels"


def self_supervision(setup: StudySetup) -> StudyResult:
    """The accuracy of each probe on each kind of features."""
    if len(setup.problem.sample_shape) != 3:
        origin, shape = setup.problem.provenance.origin, setup.problem.sample_shape
        raise InputError(f"{origin}: samples of shape {shape}, expected images, such as digits_images")
    networks = {name: _network(name, base) for name, base in setup.bases.items()}
    values: dict[tuple[str, str], Seeds] = {}
    turned: dict[str, Seeds] = {}
    seconds: dict[str, Seeds] = {}

    def probe(features: str, harness: Harness, network: NetworkConfig, state: Any) -> None:
        for name, classifier in PROBES.items():
            metrics = harness.metrics(state, Probe(network, classifier))
            values.setdefault((features, name), []).append(metrics["A"])

    of_pixels = Harness(setup, Probe(Pixels()), Adaptation())
    for seed in range(setup.seeds):
        setup.progress(f"{PIXELS}: seed {seed}")
        probe(PIXELS, of_pixels, Pixels(), of_pixels.untrained(seed))
    for name, base in setup.bases.items():
        harness, network = Harness(setup, base, Adaptation()), networks[name]
        of_turns = _rotation_accuracy(base)
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            probe(f"{name}, untrained", harness, network, harness.untrained(seed))
            epochs = list(harness.by_epoch(seed))
            probe(name, harness, network, epochs[-1].state)
            seconds.setdefault(name, []).append(sum(epoch.seconds for epoch in epochs))
            if of_turns is not None:
                turned.setdefault(name, []).append(100 * float(of_turns(epochs[-1].state, harness.x)))
    return _result(setup, values, turned, seconds)


def _network(name: str, base: MethodConfig) -> NetworkConfig:
    network = getattr(base, "network", None)
    if not isinstance(network, NetworkConfig) or isinstance(base, Probe):
        raise InputError(f"base: {name} found, expected a method that trains a network of images, such as rotnet")
    return network


def _rotation_accuracy(base: MethodConfig) -> Any:
    """(state, images) -> share; None for another method than RotNet."""
    if not isinstance(base, RotNet):
        return None
    network = base.network.build()
    return jax.jit(lambda state, x: rotation_accuracy(network, state, x))


def _result(
    setup: StudySetup, values: dict[tuple[str, str], Seeds], turned: dict[str, Seeds], seconds: dict[str, Seeds]
) -> StudyResult:
    rivals = {"untrained": lambda name: f"{name}, untrained", PIXELS: lambda name: PIXELS}
    differences = compare(
        {
            (name, rival, probe): (values[name, probe], values[of(name), probe])
            for name in setup.bases
            for rival, of in rivals.items()
            for probe in PROBES
        }
    )
    claims = "; ".join(
        f"that the features of {name} are better than {'those of random weights' if rival != PIXELS else PIXELS} "
        f"{claim(differences[name, rival, probe] for probe in PROBES)} "
        f"({', '.join(f'{probe} {differences[name, rival, probe]}' for probe in PROBES)})"
        for name in setup.bases
        for rival in rivals
    )
    recognised = "".join(f" {name} recognises {np.mean(of):.1f} % of held-out turns." for name, of in turned.items())
    rows = [
        {
            "features": features,
            "probe": probe,
            **seed_columns(of_seeds, "A"),
            "rotation accuracy": round(float(np.mean(turned[features])), 2) if features in turned else None,
            "seconds": round(float(np.mean(seconds[features])), 1) if features in seconds else None,
        }
        for (features, probe), of_seeds in values.items()
    ]
    return StudyResult(
        f"{claims[0].upper()}{claims[1:]}.{recognised}",
        rows,
        lambda figure: grouped_bars(figure, values, "accuracy of held-out images, mean over classes (%)"),
        (
            f"{setup.epochs} epochs; the last state is used, nothing is chosen on held-out images; features are "
            "standardised by labelled samples",
            "linear: softmax on the features; neighbours: 20 by cosine; both learn from all labelled samples",
        ),
    )


STUDY = Study(
    "What does a network learn from images without their labels? (RotNet, Gidaris et al., 2018)",
    self_supervision,
    ("rotnet",),
    30,
    "digits_images",
)
