"""The algorithms written plainly in PyTorch, as a reader of the papers would: one minibatch after another, eager.

What `benchmarks.vs_torch` compares with. Networks, optimizers and steps are those of `jzsl`; the numbers come from
other random streams.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from jzsl.generators.abp import ABP
from jzsl.generators.wgan import WGAN


@dataclass
class Data:
    """Rows, labels and class semantics, on the device that is measured."""

    x: Any
    y: Any
    semantics: Any


def _linear(inputs: int, outputs: int) -> Any:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


def generator(semantics: int, latent: int, hidden: int, features: int) -> Any:
    """g(C, Z) on the concatenation [C, Z]."""
    return nn.Sequential(
        _linear(semantics + latent, hidden), nn.LeakyReLU(0.2), _linear(hidden, features), nn.ReLU()
    )  # fmt: skip


def abp_epoch(data: Data, hyper: ABP, wrap: Callable[[Any], Any]) -> Callable[[], float]:
    """Algorithm 1 on minibatches: l Langevin steps, then a step of Adam; gives the mean loss of a row."""
    rows, features = data.x.shape
    net = generator(data.semantics.shape[1], hyper.latent, hyper.hidden, features).to(data.x.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=hyper.learning_rate, betas=(0.9, 0.999))
    latents = torch.randn(rows, hyper.latent, device=data.x.device)

    def energy(x, c, z):
        return ((x - net(torch.cat([c, z], 1))) ** 2).sum() / (2 * hyper.sigma**2) + (z**2).sum() / 2

    def langevin(x, c, z):
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(energy(x, c, z), z)
        return z.detach() - hyper.step_size**2 / 2 * slope + hyper.step_size * torch.randn_like(z)

    def loss_of(x, c, z):
        return ((x - net(torch.cat([c, z], 1))) ** 2).sum() / (2 * hyper.sigma**2) / len(x)

    langevin, loss_of = wrap(langevin), wrap(loss_of)

    def epoch() -> float:
        total, order = 0.0, torch.randperm(rows, device=data.x.device)
        for index in order.split(hyper.batch_size):
            x, c, z = data.x[index], data.semantics[data.y[index]], latents[index]
            for _ in range(hyper.langevin_steps):
                z = langevin(x, c, z)
            latents[index] = z
            loss = loss_of(x, c, z)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
        return float(total / rows)

    return epoch


def wgan_epoch(data: Data, hyper: WGAN, wrap: Callable[[Any], Any]) -> Callable[[], float]:
    """A generator step a minibatch, after five steps of the critic with its gradient penalty; gives the critic's
    estimate of the distance."""
    (rows, features), size = data.x.shape, data.semantics.shape[1]
    latent, device = hyper.latent or size, data.x.device
    net = generator(size, latent, hyper.hidden, features).to(device)
    judge = nn.Sequential(_linear(features + size, hyper.hidden), nn.LeakyReLU(0.2), _linear(hyper.hidden, 1)).to(
        device
    )
    of_net = torch.optim.Adam(net.parameters(), lr=hyper.learning_rate, betas=(0.5, 0.999))
    of_judge = torch.optim.Adam(judge.parameters(), lr=hyper.learning_rate, betas=(0.5, 0.999))

    def generate(c):
        return net(torch.cat([c, torch.randn(len(c), latent, device=device)], 1))

    def verdict(x, c):
        return judge(torch.cat([x, c], 1))[:, 0]

    def critic_loss(x, c):
        fake = generate(c).detach()
        mixing = torch.rand(len(x), 1, device=device)
        mixed = (mixing * x + (1 - mixing) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(verdict(mixed, c).sum(), mixed, create_graph=True)
        estimate = verdict(x, c).mean() - verdict(fake, c).mean()
        return hyper.penalty * ((slope.norm(dim=1) - 1) ** 2).mean() - estimate, estimate

    critic_loss = wrap(critic_loss)

    def epoch() -> float:
        estimate = torch.zeros(())
        for index in torch.randperm(rows, device=device).split(hyper.batch_size):
            for _ in range(hyper.critic_steps):
                drawn = torch.randint(rows, (hyper.batch_size,), device=device)
                loss, estimate = critic_loss(data.x[drawn], data.semantics[data.y[drawn]])
                of_judge.zero_grad()
                loss.backward()
                of_judge.step()
            c = data.semantics[data.y[index]]
            loss = -verdict(generate(c), c).mean()
            of_net.zero_grad()
            loss.backward()
            of_net.step()
        return float(estimate.detach())

    return epoch


def softmax_epoch(data: Data, batch_size: int, learning_rate: float, wrap: Callable[[Any], Any]) -> Callable[[], float]:
    """A linear softmax over all classes; gives the mean cross-entropy after it."""
    rows, features = data.x.shape
    linear = nn.Linear(features, len(data.semantics)).to(data.x.device)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    optimizer = torch.optim.Adam(linear.parameters(), lr=learning_rate, betas=(0.5, 0.999))
    entropy = wrap(lambda x, y: functional.cross_entropy(linear(x), y))

    def epoch() -> float:
        for index in torch.randperm(rows, device=data.x.device).split(batch_size):
            loss = entropy(data.x[index], data.y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            return float(functional.cross_entropy(linear(data.x), data.y))

    return epoch


def nearest_neighbours(
    references: Any, y: Any, queries: Any, neighbours: int, classes: int, wrap: Callable[[Any], Any]
) -> Callable[[], Any]:
    """Majority vote of the most similar rows, by cosine; gives the predicted classes."""

    def votes(queries):
        similarity = functional.normalize(queries) @ functional.normalize(references).T
        best = similarity.topk(neighbours, 1).indices
        return functional.one_hot(y[best], classes).sum(1).argmax(1)

    votes = wrap(votes)
    return lambda: votes(queries)
