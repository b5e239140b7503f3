"""Foreign inputs made of good ones: bytes flipped, cut, doubled and replaced; JSON values exchanged."""

import copy
from typing import Any

from hypothesis import strategies as st

_EDIT = st.tuples(
    st.sampled_from(["flip", "zero", "cut", "drop", "double", "insert", "ones"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 64),
    st.binary(min_size=1, max_size=8),
)
EDITS = st.lists(_EDIT, min_size=1, max_size=4)
"""What is done to the bytes of a file: the kind, where as a share of its length, how long, and bytes to insert."""

_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["jzsl.config:Experiment", "os:system", "subprocess:Popen", "jzsl.cli:main", "__import__('os')"]),
)
JSON = st.recursive(
    _LEAF, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=6), part, max_size=3)
)
"""Any JSON value."""
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(["set", "drop", "rename"]), JSON),
                   min_size=1, max_size=3)  # fmt: skip
"""What is done to a JSON document: where among its entries, how, and the new value."""


def edited(content: bytes, edits: list[tuple[str, float, int, bytes]]) -> bytes:
    """The bytes with all edits made, one after another."""
    for kind, place, length, inserted in edits:
        start = int(place * len(content))
        end = start + length
        if kind == "flip":
            content = (
                content[:start]
                + bytes(byte ^ (1 << (length % 8)) for byte in content[start : start + 1])
                + content[start + 1 :]
            )
        elif kind == "zero":
            content = content[:start] + bytes(len(content[start:end])) + content[end:]
        elif kind == "ones":
            content = content[:start] + b"\xff" * len(content[start:end]) + content[end:]
        elif kind == "cut":
            content = content[:start]
        elif kind == "drop":
            content = content[:start] + content[end:]
        elif kind == "double":
            content = content[:start] + 2 * content[start:end] + content[end:]
        else:
            content = content[:start] + inserted + content[start:]
    return content


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with a key of it, depth first."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [place for key in keys for place in ((value, key), *_places(value[key]))]


def changed(document: Any, changes: list[tuple[float, str, Any]]) -> Any:
    """A copy of the document with all changes made."""
    document = copy.deepcopy(document)
    for share, kind, new in changes:
        places = _places(document)
        if not places:
            return new
        container, key = places[int(share * len(places))]
        if kind == "set":
            container[key] = new
        elif kind == "drop" or isinstance(container, list):
            del container[key]
        else:
            container[f"{key}_"] = container.pop(key)
    return document
