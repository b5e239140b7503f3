"""How samples were made of pictures: what a trained model needs to take pictures itself."""

from typing import Any, NamedTuple

from jzsl.records import require_record


class Extraction(NamedTuple):
    """A reading of pictures, and the network that made features of them, if one did.

    Attributes:
        preprocessing: JSON values: `size`, `shorter`, `interpolation` and `colours` of the reading; of a network also
            the `mean` and `std` of its input, for pixels in [0, 1].
        network: its name; None: the samples are the pixels.
        weights: SHA-256 of the file of its weights; None: there is none.
    """

    preprocessing: dict[str, Any]
    network: str | None = None
    weights: str | None = None

    @property
    def words(self) -> str:
        """The network and its weights, for messages."""
        return f"{self.network} with weights of SHA-256 {(self.weights or 'none')[:16]}"

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return self._asdict()


def extraction_of(content: Any, where: str) -> Extraction | None:
    """The inverse of `Extraction.record`; None stays None.

    Raises:
        InputError: that begins with `where`, naming the entry that is missing or of another type.
    """
    if content is None:
        return None
    require_record(content, {"preprocessing": dict, "network": str | None, "weights": str | None}, where)
    return Extraction(content["preprocessing"], content["network"], content["weights"])
