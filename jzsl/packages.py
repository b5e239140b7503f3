"""The package of the dataclasses that a field may hold, for fields whose default does not show it."""

from typing import NamedTuple


class PartsIn(NamedTuple):
    """Metadata of an annotated field: the package whose dataclasses it may hold, besides a user's."""

    package: str
