"""Where the parts that a field may hold are defined, for fields whose default does not say it."""

from typing import NamedTuple


class PartsIn(NamedTuple):
    """Metadata of an annotated field: the package whose dataclasses may stand there, beside a user's own."""

    package: str
