"""Optimizers against PyTorch's, from the same start with the same gradients."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.cosine import Cosine

pytestmark = pytest.mark.slow

CASES = {
    "sgd, nesterov": (SGD(0.1, 0.9, nesterov=True, l2=0.05, rate=Cosine()), "SGD"),
    "sgd": (SGD(0.1, 0.9, l2=0.05, rate=Cosine()), "SGD"),
    "adam": (Adam(0.02, 0.7, 0.9, l2=0.05, rate=Cosine()), "Adam"),
}


@pytest.mark.parametrize("name", CASES)
def test_twenty_steps_are_those_of_torch(name, random):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    torch = importlib.import_module("torch")
    config, theirs = CASES[name]
    settings = {"lr": config.learning_rate, "weight_decay": config.l2}
    if isinstance(config, SGD):
        settings |= {"momentum": config.momentum, "nesterov": config.nesterov}
    else:
        settings |= {"betas": (config.beta1, config.beta2)}
    start, target = random.normal(size=(2, 30)).astype(np.float32)
    weight = torch.nn.Parameter(torch.tensor(start))
    reference = getattr(torch.optim, theirs)([weight], **settings)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, 20)
    optimizer, params = config.build(), jnp.asarray(start)
    moments = optimizer.init(params)
    for step in range(20):
        reference.zero_grad()
        torch.sum(torch.cosh(weight - torch.tensor(target))).backward()
        reference.step()
        schedule.step()
        gradient = jax.grad(lambda w: jnp.sum(jnp.cosh(w - target)))(params)
        params, moments = optimizer.step(gradient, moments, params, jnp.float32(step / 20))
        np.testing.assert_allclose(params, weight.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(params - start).max() > 0.1
