"""Batch normalisation with padding left out of all statistics, under one of its policies, for one domain or several."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jzsl.nets.network import BatchNormPolicy


class BatchNorm(nn.Module):
    """scale (x - mean) / sqrt(var + epsilon) + bias, channel by channel.

    A running statistic becomes `momentum` times itself plus 1 - `momentum` times that of the minibatch; the running
    variance takes the unbiased estimate. A minibatch without a valid sample leaves both as they are.

    With running statistics [d, channels] of several domains, `valid` [b, d] is 1 in the column of each sample's domain:
    a sample is normalised by the statistics of its own domain (AdaBN; Li et al., 2016), the affine map is shared.
    Where a minibatch has no sample of a domain, the running statistics stand in.
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
            used = mean.value, var.value
        else:
            *used, count = _moments(x, valid, mean.value)
            if not self.is_initializing():
                self._follow(policy, mean, var, used, count)
            if mean.value.ndim == 2:
                used = (
                    jnp.where(count > 0, here, running.value) for here, running in zip(used, (mean, var), strict=True)
                )
        centre, spread = used
        if centre.ndim == 2:
            domain = jnp.argmax(valid, 1)  # of padding the first
            centre, spread = centre[domain, None, None], spread[domain, None, None]
        return (x - centre) * (scale * jax.lax.rsqrt(spread + self.epsilon)) + bias

    def _follow(self, policy, mean, var, moments, count):
        """Moves the running statistics towards the mean and the variance of a minibatch."""
        batch_mean, batch_var = jax.lax.stop_gradient(moments)
        if policy is BatchNormPolicy.estimate:
            mean.value, var.value = batch_mean, batch_var
            return
        rate = jax.lax.stop_gradient(jnp.where(count > 0, 1 - self.momentum, 0.0))
        mean.value += rate * (batch_mean - mean.value)
        var.value += rate * (batch_var * count / jnp.maximum(count - 1, 1) - var.value)


def _moments(x, valid, running):
    """Mean and variance of each channel, of each domain where there are running ones of several, and their counts."""
    if running.ndim == 2:
        count = valid.sum(0)[:, None] * x.shape[1] * x.shape[2]
        mean = jnp.einsum("bd,bc->dc", valid, x.sum((1, 2))) / jnp.maximum(count, 1)
        centred = x - mean[jnp.argmax(valid, 1), None, None]
        var = jnp.einsum("bd,bc->dc", valid, (centred**2).sum((1, 2))) / jnp.maximum(count, 1)
        return mean, var, count
    weights = jnp.ones((x.shape[0], 1, 1, 1), x.dtype) if valid is None else valid[:, None, None, None]
    count = weights.sum() * x.shape[1] * x.shape[2]
    mean = jnp.sum(weights * x, (0, 1, 2)) / jnp.maximum(count, 1)
    return mean, jnp.sum(weights * (x - mean) ** 2, (0, 1, 2)) / jnp.maximum(count, 1), count
