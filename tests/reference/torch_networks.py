"""The networks in PyTorch: those of torchvision and timm, and the others written with its modules."""

from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]


def import_torchvision() -> Any:
    """torchvision; a build for other hardware than that of the torch beside it lacks operators, which it only declares.

    No network uses these.
    """
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision  # pyright: ignore[reportMissingImports]

    _KEPT.append(declared)
    return torchvision


_KEPT: list[Any] = []
"""A declaration lasts as long as its library."""


def imagenet_resnet(name: str) -> nn.Module:
    """resnet18, resnet50 or resnet101 of torchvision, with ten classes."""
    return getattr(import_torchvision().models, name)(num_classes=10)


def efficientnet_lite0() -> nn.Module:
    import_torchvision()
    import timm  # pyright: ignore[reportMissingImports]

    return timm.create_model("tf_efficientnet_lite0", num_classes=10)


def vgg11() -> nn.Module:
    """The convolutions of torchvision's vgg11_bn, pooled globally."""
    return _Pooled(import_torchvision().models.vgg11_bn().features[:-1])


class PlainShortcut(nn.Module):
    def __init__(self, stride: int, new: int):
        super().__init__()
        self.stride, self.new = stride, new

    def forward(self, x):
        return functional.pad(functional.avg_pool2d(x, self.stride), (0, 0, 0, 0, 0, self.new))


def small_resnet(channels: list[int], blocks: list[int]) -> nn.Module:
    """A 3 x 3 stem, and torchvision's blocks with shortcuts without parameters."""
    block_of = import_torchvision().models.resnet.BasicBlock
    layers: Any = {"stem": nn.Sequential(nn.Conv2d(3, channels[0], 3, 1, 1, bias=False), nn.BatchNorm2d(channels[0]),
                                         nn.ReLU())}  # fmt: skip
    before = channels[0]
    for stage, (after, count) in enumerate(zip(channels, blocks, strict=True)):
        for block in range(count):
            stride = 2 if stage and not block else 1
            layers[f"stage{stage + 1}_block{block + 1}"] = block_of(
                before, after, stride, PlainShortcut(stride, after - before)
            )
            before = after
    return _Pooled(nn.ModuleDict(layers).values(), layers)


class _Pooled(nn.Module):
    def __init__(self, parts, named: dict[str, nn.Module] | None = None):
        super().__init__()
        self.parts = nn.Sequential(*parts) if named is None else nn.ModuleDict(named)

    def forward(self, x):
        for part in self.parts.values() if isinstance(self.parts, nn.ModuleDict) else self.parts:
            x = part(x)
        return x.mean((2, 3))


class _DomainConv(nn.Module):
    def __init__(self, before: int, after: int, stride: int, adapter: str):
        super().__init__()
        self.kind = adapter
        self.conv = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        if adapter == "series":
            self.norm1, self.norm2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
            self.adapter = nn.Conv2d(after, after, 1, bias=False)
        else:
            self.norm = nn.BatchNorm2d(after)
            if adapter == "parallel":
                self.adapter = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        y = self.conv(x)
        if self.kind == "series":
            return self.norm2(y + self.adapter(self.norm1(y)))
        return self.norm(y + self.adapter(x) if self.kind == "parallel" else y)


class _DomainBlock(nn.Module):
    def __init__(self, before: int, after: int, stride: int, adapter: str):
        super().__init__()
        self.conv1 = _DomainConv(before, after, stride, adapter)
        self.conv2 = _DomainConv(after, after, 1, adapter)
        self.shortcut = PlainShortcut(stride, after - before)

    def forward(self, x):
        return functional.relu(self.conv2(functional.relu(self.conv1(x))) + self.shortcut(x))


def resnet26(adapter: str, channels: list[int], blocks: int) -> nn.Module:
    """The stem and the stages of these channels, then batch normalisation, ReLU and pooling."""
    layers: Any = {"stem": _DomainConv(3, channels[0], 1, adapter)}
    before = channels[0]
    for stage, after in enumerate(channels[1:]):
        for block in range(blocks):
            layers[f"stage{stage + 1}_block{block + 1}"] = _DomainBlock(before, after, 1 if block else 2, adapter)
            before = after
    layers["top"] = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
    return _Pooled([], layers)
