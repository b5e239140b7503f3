"""Algorithm 1 of the ABP paper on minibatches, by hand-written back-propagation in float64 NumPy.

Shares nothing with the library but the random numbers, which are drawn from the same keys.
"""

import jax
import numpy as np

from jzsl.keys import stream


class Adam:
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self, params):
        self.m = {name: np.zeros_like(value) for name, value in params.items()}
        self.v = {name: np.zeros_like(value) for name, value in params.items()}
        self.t = 0

    def step(self, params, gradient, rate):
        self.t += 1
        for name, g in gradient.items():
            self.m[name] = 0.9 * self.m[name] + 0.1 * g
            self.v[name] = 0.999 * self.v[name] + 0.001 * g**2
            m, v = self.m[name] / (1 - 0.9**self.t), self.v[name] / (1 - 0.999**self.t)
            params[name] = params[name] - rate * m / (np.sqrt(v) + 1e-8)


def forward(p, c, z):
    """Pre-activations and output of the one-hidden-layer generator."""
    a = c @ p["class"] + p["bias"] + z @ p["latent"]
    h = np.where(a > 0, a, 0.2 * a)
    o = h @ p["output"] + p["output_bias"]
    return a, h, o, np.maximum(o, 0)


def energy(p, x, c, z, mask, sigma):
    """-log p(X, Z | C) up to a constant, eq. 2, row by row."""
    error = (mask * (x - forward(p, c, z)[3])) ** 2
    return error.sum(-1) / (2 * sigma**2) + (z**2).sum(-1) / 2


def gradients(p, x, c, z, mask, sigma):
    """Gradient of `energy` in z (eq. 6), and of the sum of its first term in theta (minus eq. 8)."""
    a, h, o, g = forward(p, c, z)
    d_o = mask * (g - x) / sigma**2 * (o > 0)
    d_a = d_o @ p["output"].T * np.where(a > 0, 1, 0.2)
    in_theta = {
        "output": h.T @ d_o,
        "output_bias": d_o.sum(0),
        "class": c.T @ d_a,
        "bias": d_a.sum(0),
        "latent": z.T @ d_a,
    }
    return d_a @ p["latent"].T + z, in_theta


def fit(p, latents, key, x, y, w, mask, semantics, *, epochs, batch, steps, s, sigma, rate):
    """Trains in place and returns parameters and latents."""
    p, latents, adam = dict(p), latents.copy(), Adam(p)
    key = stream(key, "training")
    for epoch in range(epochs):
        epoch_key = stream(key, "epoch", epoch)
        draws = np.repeat(np.arange(len(w)), w)
        shuffle = np.full(len(w), np.inf)
        shuffle[: len(draws)] = np.asarray(jax.random.uniform(stream(epoch_key, "order"), (len(w),)))[: len(draws)]
        order = draws[np.argsort(shuffle, stable=True)[: len(draws)]]
        for number, begin in enumerate(range(0, len(order), batch)):
            rows = order[begin : begin + batch]
            keys = jax.random.split(stream(epoch_key, "minibatch", number), batch)
            z, c = latents[rows], semantics[y[rows]]
            for position, row in enumerate(rows):
                chain, one = z[position : position + 1], [row]
                for step_key in jax.random.split(keys[position], steps):
                    noise = np.asarray(jax.random.normal(step_key, chain.shape[1:]), np.float64)
                    drift, _ = gradients(p, x[one], semantics[y[one]], chain, mask[one], sigma)
                    chain = chain - s**2 / 2 * drift + s * noise
                z[position] = chain[0]
            _, in_theta = gradients(p, x[rows], c, z, mask[rows], sigma)
            adam.step(p, {name: value / batch for name, value in in_theta.items()}, rate)
            for position in reversed(range(len(rows))):  # of equal rows the first one is kept
                latents[rows[position]] = z[position]
    return p, latents
