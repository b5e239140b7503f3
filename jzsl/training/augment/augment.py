"""What an augmentation is, and several of them one after another."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Array, Key, Num

from jzsl.keys import stream


@runtime_checkable
class Augment(Protocol):
    def __call__(self, key: Key[Array, ""], images: Num[Array, "b *s"], /) -> Num[Array, "b *t"]:
        """The images, or vectors, changed at random, each on its own unless the augmentation says otherwise.

        Args:
            key: of the minibatch.
            images: floats in [0, 1], unless the augmentation says otherwise.
        """
        ...


@runtime_checkable
class AugmentConfig(Protocol):
    """A frozen dataclass that makes an augmentation."""

    def build(self) -> Augment: ...


@dataclass(frozen=True)
class Sequence:
    """Augmentations one after another, each with a key of its own."""

    parts: tuple[AugmentConfig, ...] = ()
    """in order; none: the images as they are"""

    def build(self) -> Augment:
        built = tuple(part.build() for part in self.parts)

        def augment(key: Key[Array, ""], images: Num[Array, "b *s"]) -> Num[Array, "b *t"]:
            for number, part in enumerate(built):
                images = part(stream(key, "augmentation", number), images)
            return images

        return augment
