"""Trainers against the parts they are made of: rounds in chunks, the scores of each seed, other numbers of replicas."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.devices.replicas import replica
from jzsl.driver.plan import inductive_trainer, self_trainer
from jzsl.methods.s2v import S2V
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

DATA = LinearGaussian(classes=9, unseen=4, samples_per_class=20, features=6, semantics=4, latents=2)
STRICT = Experiment(
    DATA, S2V(hidden=8, batch_size=32), Train(epochs=3), (GZSL(),), calibration=True, seeds=2, parallel_seeds=2,
    self_training=STHS(2, CFBS(0.5), strict=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def trainer():
    return self_trainer(DATA.load(), STRICT)


def plain(leaf):
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def assert_equal(one, two):
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(plain(a), plain(b)), one, two)


def test_rounds_in_chunks_are_whole_rounds(trainer):
    """A round begins with its first chunk alone: a cold restart in the middle would train the last chunk only."""
    ends = []
    for chunk in (3, 2, 1):
        states, done = trainer.init((0, 1)), 0
        while done < 6:
            size = trainer.next_chunk(done, 3, chunk)
            states, _ = trainer.fit(states, done, size, 3)
            done += size
        ends.append(trainer.procedure.model(states))
    assert_equal(ends[0], ends[1])
    assert_equal(ends[0], ends[2])


def test_scores_of_a_round_are_those_of_each_seed_s_method_with_the_offset_once(trainer):
    method, view = STRICT.method.build(GZSL()), trainer.view
    x, candidates = view.pool.x[view.unlabelled_samples], view.candidates
    trainer.offset = 0.5
    try:
        states, _ = trainer.fit(trainer.init((0, 1)), 0, 3, 3)
        scores, of_seeds = trainer.scores(states), []
        for number in range(2):
            predictor = method.predictor(trainer.model(states, number), view.pool, view.classes, view.unseen)
            scored = trainer.scoring.calibrated(scores.of(scores.predictors(number), number))["gzsl"]
            expected = method.logits(predictor, x[: len(scored)], candidates.classes) + 0.5 * candidates.open
            np.testing.assert_allclose(scored, expected, atol=1e-5)
            of_seeds.append(scored)
    finally:
        trainer.offset = 0.0
    assert np.abs(of_seeds[0] - of_seeds[1]).max() > 0.1


def test_a_checkpoint_of_another_number_of_replicas_keeps_its_seeds():
    """As of devices of another number, whose replicas are padded to it with the last seed."""
    inductive = dataclasses.replace(STRICT, self_training=None, seeds=3)
    two, three = (
        inductive_trainer(DATA.load(), dataclasses.replace(inductive, parallel_seeds=count)) for count in (2, 3)
    )
    states = three.init((0, 1, 2))
    fewer = two.adopt(states)
    assert_equal([replica(fewer, number) for number in range(2)], [replica(states, number) for number in range(2)])
    more = three.adopt(fewer)
    assert_equal([replica(more, number) for number in range(3)], [replica(states, number) for number in (0, 1, 1)])
