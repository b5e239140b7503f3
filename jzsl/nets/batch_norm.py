"""Batch normalisation with padding left out of all statistics, under one of three policies."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jzsl.nets.network import BatchNormPolicy


class BatchNorm(nn.Module):
    """scale (x - mean) / sqrt(var + epsilon) + bias, channel by channel.

    A running statistic becomes `momentum` times itself plus 1 - `momentum` times that of the minibatch; the running
    variance takes the unbiased estimate. A minibatch without a valid sample leaves both as they are.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    start: float = 1.0
    """initial scale"""

    @nn.compact
    def __call__(self, x, policy: BatchNormPolicy, valid):
        channels = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.constant(self.start), channels)
        bias = self.param("bias", nn.initializers.zeros, channels)
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        var = self.variable("batch_stats", "var", jnp.ones, channels)
        if policy is BatchNormPolicy.frozen_affine:
            scale, bias = jax.lax.stop_gradient((scale, bias))
        if policy is BatchNormPolicy.running:
            batch_mean, batch_var = mean.value, var.value
        else:
            weights = jnp.ones((x.shape[0], 1, 1, 1), x.dtype) if valid is None else valid[:, None, None, None]
            count = weights.sum() * x.shape[1] * x.shape[2]
            batch_mean = jnp.sum(weights * x, (0, 1, 2)) / jnp.maximum(count, 1)
            batch_var = jnp.sum(weights * (x - batch_mean) ** 2, (0, 1, 2)) / jnp.maximum(count, 1)
            if not self.is_initializing():
                unbiased = batch_var * count / jnp.maximum(count - 1, 1)
                rate = jax.lax.stop_gradient(jnp.where(count > 0, 1 - self.momentum, 0.0))
                mean.value += rate * (jax.lax.stop_gradient(batch_mean) - mean.value)
                var.value += rate * (jax.lax.stop_gradient(unbiased) - var.value)
        return (x - batch_mean) * (scale * jax.lax.rsqrt(batch_var + self.epsilon)) + bias
