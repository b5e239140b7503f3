"""The base methods of the studies, by the names that `jzsl study --base` takes."""

import dataclasses
import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

from jzsl.errors import InputError
from jzsl.generators.abp import ABP
from jzsl.generators.cvae import CVAE
from jzsl.generators.wgan import WGAN
from jzsl.interfaces import MethodConfig
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.committee import Committee
from jzsl.methods.generative import Generative
from jzsl.methods.has import HAS
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.lsd_c import LSDC
from jzsl.methods.rotnet import RotNet
from jzsl.methods.s2v import S2V
from jzsl.methods.supervised import Supervised
from jzsl.nets.mlp import MLP
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.nets.small_cnn import SmallCNN
from jzsl.nets.vgg import VGG
from jzsl.studies.runs import method_of_config
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop, ReflectedTranslation
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.noise import GaussianNoise
from jzsl.training.optimizers.adam import Adam
from jzsl.training.rates.step_decay import StepDecay
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours

GENERATORS = ("abp", "cvae", "wgan")
NAMED: dict[str, MethodConfig] = {
    "s2v": S2V(),
    "abp": Generative(ABP(), zsl_noise=False),
    "cvae": Generative(CVAE(latent=10), zsl_noise=False),
    "wgan": Generative(WGAN()),
    "committee": Committee(),
    "supervised": Supervised(),
    "cnn_narrow": ImageClassifier(VGG((8, 16), (1, 1)), batch_size=32),
    "cnn": ImageClassifier(VGG((16, 32, 64), (1, 1, 1)), batch_size=32),
    "cnn_deep": ImageClassifier(VGG((16, 32, 64), (2, 2, 2)), batch_size=32),
    "resnet": ImageClassifier(ResNet((1, 1, 1), 0.25), batch_size=32),
    "rotnet": RotNet(Normalised(ResNet((1, 1), 0.5)), PaddedCrop(1)),
    "autonovel": AutoNovel(
        MLP((512, 512)),
        PaddedCrop(1),
        augment_first=False,
        similarity=NearestNeighbours(10),
        optimizer=Adam(1e-3, rate=StepDecay((0.85,), 0.1)),
        learned=None,
        batch_size=512,
    ),
    "lsd_c": LSDC(
        MLP((512, 512)),
        PaddedCrop(1),
        augment_first=False,
        similarity=NearestNeighbours(10),
        mix=MixUp(),
        optimizer=Adam(1e-3),
        learned=None,
    ),
    "lsd_c_plane": LSDC(
        MLP((64, 64)),
        GaussianNoise(0.02),
        augment_first=False,
        similarity=NearestNeighbours(50),
        mix=None,
        optimizer=Adam(1e-3),
        learned=None,
    ),
    "has": HAS(
        APN(SmallCNN((32, 64)), optimizer=Adam(1e-2, beta1=0.5), augment=Sequence((ReflectedTranslation(1),))),
        AdversarialSamples(steps=3, step_size=8),
    ),
}
"""Methods with the settings that the studies were made with."""


def base_named(name: str, hidden: int | None = None) -> tuple[str, MethodConfig]:
    """A base method and its short name.

    Args:
        name: one of `NAMED`; a config file, whose method it is; or the class of a method or a generator of jzsl in any
            case, such as `eszsl`, with its default settings.
        hidden: nodes in the hidden layers of a generator; None keeps its number.

    Raises:
        InputError: if there is no such method.
    """
    if name.endswith(".py"):
        name, base = Path(name).stem, method_of_config(Path(name))
    else:
        base = NAMED[name] if name in NAMED else _by_class(name)
    if hidden is None or not isinstance(base, Generative):
        return name, base
    generator: Any = base.generator
    return name, replace(base, generator=replace(generator, hidden=hidden))


def _by_class(name: str) -> MethodConfig:
    """The class whose name is that of its module: `jzsl.methods.eszsl` defines ESZSL."""
    for room in ("methods", "generators"):
        if not name.isidentifier() or importlib.util.find_spec(f"jzsl.{room}.{name.lower()}") is None:
            continue
        module = importlib.import_module(f"jzsl.{room}.{name.lower()}")
        for cls in vars(module).values():
            is_named = dataclasses.is_dataclass(cls) and getattr(cls, "__name__", "").lower() == name.lower()
            if not is_named or any(_required(field) for field in dataclasses.fields(cls)):
                continue
            config: Any = cls()  # type: ignore[operator]
            return config if room == "methods" else Generative(config)
    raise InputError(
        f"base: {name} found, expected {', '.join(NAMED)}, the class of a method or a generator, or a config file"
    )


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
