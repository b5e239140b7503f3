"""Class semantics from descriptions, by a sentence-embedding model on the user's machine."""

import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jzsl.errors import InputError, writing


class TextModel(NamedTuple):
    """A sentence-embedding model.

    Attributes:
        encode: sentences -> vectors[n, a].
        name: as the user gave it, without parent folders.
        record: hash of its weights, versions.
    """

    encode: Callable[[list[str]], Float[np.ndarray, "n a"]]
    name: str
    record: dict[str, Any]


def read_texts(path: Path) -> dict[str, list[str]]:
    """Descriptions by class: {"name": "text"}, {"name": ["text", ...]}, or [{"name": ..., "text": ...}, ...].

    Raises:
        InputError: naming the file and the class.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error
    if isinstance(content, list):
        if not all(isinstance(entry, dict) and {"name", "text"} <= set(entry) for entry in content):
            raise InputError(f'{path}: a list found, expected entries {{"name": ..., "text": ...}}')
        names = [entry["name"] for entry in content]
        if len(set(map(str, names))) < len(names):
            raise InputError(f"{path}: a class is described twice; give its texts as a list")
        content = {entry["name"]: entry["text"] for entry in content}
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: no classes found, expected an object of descriptions by class name")
    texts = {}
    for name, value in content.items():
        lines = value if isinstance(value, list) else [value]
        if not lines or not all(isinstance(line, str) and line.strip() for line in lines):
            raise InputError(f"{path}: class {name!r}: expected a text or a list of texts, none of them empty")
        texts[str(name)] = lines
    return texts


def load_model(name: str) -> TextModel:
    """A model of the package sentence-transformers, from a folder or from its local cache; nothing is downloaded.

    Raises:
        InputError: if the package is not installed, or there is no such model on this machine.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise InputError('semantics needs sentence-transformers, which is not installed: pip install "jzsl[text]"')
    from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]

    try:
        model = SentenceTransformer(name, local_files_only=True)
    except Exception as error:  # the package raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"model {name}: not a sentence-embedding model on this machine ({reason})") from error
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    packages = ("sentence-transformers", "transformers", "torch")
    record = {
        "model": name,
        "weights": digest.hexdigest()[:16],
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }

    def encode(texts: list[str]) -> Float[np.ndarray, "n a"]:
        return np.asarray(model.encode(texts, show_progress_bar=False), np.float32)

    return TextModel(encode, Path(name).name, record)


def semantics_of(texts: dict[str, list[str]], model: TextModel) -> Float[np.ndarray, "c a"]:
    """A vector of unit length for each class: the mean of its texts' unit vectors."""
    lines = [line for group in texts.values() for line in group]
    vectors = model.encode(lines)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ends = np.cumsum([len(group) for group in texts.values()])
    means = np.stack([part.mean(0) for part in np.split(vectors, ends[:-1])])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def write_semantics(path: Path, texts: dict[str, list[str]], model: TextModel) -> Float[np.ndarray, "c a"]:
    """Writes `semantics`, `class_names`, `model` (its name) and `record` (JSON: model, weights, versions, texts).

    Returns:
        The semantics.

    Raises:
        WriteError: if the file cannot be written.
    """
    semantics = semantics_of(texts, model)
    record = {**model.record, "texts": texts}
    temporary = path.with_name(f".{path.stem}.new.npz")
    with writing(path):
        np.savez(
            temporary,
            semantics=semantics,
            class_names=np.array(list(texts)),
            model=np.array(model.name),
            record=np.array(json.dumps(record)),
        )
        temporary.replace(path)
    return semantics
