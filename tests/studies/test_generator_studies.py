"""Studies of generators: cost against the paper, measures against brute force, what they write."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.softmax import Softmax
from jzsl.cli import main
from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.generators.abp import ABP
from jzsl.generators.cvae import CVAE
from jzsl.generators.wgan import WGAN
from jzsl.interfaces import MethodConfig
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.problem.transforms import MinMax
from jzsl.studies.bases import GENERATORS
from jzsl.studies.catalogue import studies
from jzsl.studies.convergence import converged_after
from jzsl.studies.cost import costs, product_operations
from jzsl.studies.harness import Harness
from jzsl.studies.incomplete_features import missing_at_random
from jzsl.studies.seen_classes import with_seen
from jzsl.studies.study import StudySetup
from jzsl.studies.synthetic_count import synthetic_count

SOURCE = LinearGaussian(classes=11, unseen=4, samples_per_class=20, features=8, semantics=4, latents=2)
MEAN = {"zsl_noise": False, "gzsl_noise": False}
HEADS = {"zsl": KNN(5), "gzsl": Softmax(epochs=2), "per_class": 20}
BASES: dict[str, MethodConfig] = {
    "abp": Generative(ABP(hidden=16, latent=2, batch_size=32, langevin_steps=2), **MEAN, **HEADS),
    "cvae": Generative(CVAE(hidden=16, latent=2, batch_size=32), **MEAN, **HEADS),
    "wgan": Generative(WGAN(hidden=16, latent=2, batch_size=32, critic_steps=2), **HEADS),
}


@pytest.mark.parametrize("bases", [("abp",), pytest.param(("abp", "cvae", "wgan"), marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [name for name, study in studies().items() if {*study.bases} <= {*GENERATORS}])
def test_every_study_of_generators_answers_with_its_numbers(name, bases):
    lines = []
    chosen = {base: BASES[base] for base in bases}
    result = studies()[name].run(StudySetup(SOURCE.load(), chosen, MinMax(), 3, 2, progress=lines.append))
    with_density = {"abp", "cvae"}  # a GAN has none
    expected = set(bases) & with_density if name == "likelihood" else set(bases)
    assert {row["base"].split(",")[0] for row in result.rows} == expected  # "abp, no mask" is one of ABP
    assert "abp" in result.answer
    assert lines
    for row in result.rows:
        for value in row.values():
            assert not isinstance(value, float) or np.isfinite(value)


def test_cost_is_table_3():
    """9.71 M and 19.42 M for ABP on CUB, 20.62 M and 41.23 M for FGZSL."""
    abp = costs(ABP().build(), 2048, 312, 64)
    assert (abp["parameters M"], abp["multiply-adds M"]) == (9.71, 19.42)
    assert abp["sample MFLOP (compiler)"] == pytest.approx(19.42, rel=0.01)
    # Ten Langevin steps forward and back to Z, then a learning step; the class pre-activation once more.
    layer, latent, half = 4096 * 2048, 10 * 4096, 312 * 4096
    steps = 10 * 2 * 2 * (layer + latent) + 2 * half
    learning = 2 * (3 * layer + 2 * latent + 2 * half)
    assert abp["training MFLOP per sample"] == pytest.approx((steps + learning) / 1e6, rel=0.005)
    wgan = costs(WGAN().build(), 2048, 312, 64)
    assert (wgan["parameters M"], wgan["multiply-adds M"]) == (20.62, 41.23)


def test_products_in_loops_are_counted():
    def function(a, b, times):
        c = a @ b  # once a call: not counted

        def body(_, c):
            return jax.lax.scan(lambda c, _: (c @ b, None), c, None, length=3)[0]

        return jax.lax.fori_loop(0, times, body, c)

    a, b = jnp.ones((5, 4)), jnp.ones((4, 4))
    assert product_operations(function, a, b, 7) == 3 * 2 * 5 * 4 * 4


def test_converged_after():
    assert converged_after(np.array([1.0, 50.0, 79.5, 80.0, 79.9])) == 3
    assert converged_after(np.array([80.0, 20.0])) == 1


def test_missing_entries_are_as_many_as_asked_for(pool):
    observed = missing_at_random(pool, 0.7, seed=0)
    assert observed.shape == pool.x.shape
    assert observed.mean() == pytest.approx(0.3, abs=0.05)
    assert (observed == missing_at_random(pool, 0.7, seed=0)).all()
    assert missing_at_random(pool, 0.0, seed=1).all()


def test_fewer_seen_classes_leave_no_sample_of_the_others(problem):
    part = with_seen(problem, problem.seen_classes[:2])
    np.testing.assert_array_equal(part.seen_classes, problem.seen_classes[:2])
    np.testing.assert_array_equal(part.unseen_classes, problem.unseen_classes)
    assert set(part.labels[part.splits.test_seen]) <= set(problem.seen_classes[:2])


def test_training_is_the_same_in_one_call_and_epoch_by_epoch():
    harness = Harness(StudySetup(SOURCE.load(), BASES, MinMax(), 3, 1), BASES["abp"])
    one = harness.trained(0)
    steps = list(harness.by_epoch(0))
    assert [step.epoch for step in steps] == [1, 2, 3]
    jax.tree.map(np.testing.assert_array_equal, one.generator.params, steps[-1].state.generator.params)
    assert harness.metrics(one) == harness.metrics(steps[-1].state)


def test_a_study_of_generators_refuses_another_base():
    with pytest.raises(InputError, match="s2v"):
        synthetic_count(StudySetup(SOURCE.load(), {"s2v": S2V(hidden=8)}, MinMax(), 1, 1))


def test_cost_from_the_command_line(tmp_path, capsys):
    arguments = [
        "study",
        "cost",
        "--data",
        "synthetic",
        "--hidden",
        "64",
        "--base",
        "abp",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 0
    assert "CUB" in capsys.readouterr().out
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert saved["bases"]["abp"]["generator"]["hidden"] == 64
    assert main([*arguments[:-1], str(tmp_path / "other"), "--hidden", "0"]) == 2
