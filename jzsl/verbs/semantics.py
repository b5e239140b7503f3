"""`jzsl semantics`: class descriptions into vectors."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from jzsl.data.text import load_model, read_texts, write_semantics
from jzsl.errors import InputError


@dataclass(frozen=True)
class SemanticsOptions:
    """Turn class descriptions into vectors with a sentence-embedding model that is on this machine."""

    texts: tyro.conf.Positional[Path]
    """JSON: {"class name": "text" or ["text", ...], ...} or [{"name": ..., "text": ...}, ...]"""
    model: str
    """folder of a sentence-transformers model, or the name of one in its cache; nothing is downloaded"""
    out: Path = Path("semantics.npz")
    """the file to write, for --semantics of `jzsl run`"""


def semantics(arguments: list[str]) -> int:
    options = tyro.cli(SemanticsOptions, args=arguments, prog="jzsl semantics")
    if options.out.suffix != ".npz":
        raise InputError(f"out: {options.out} found, expected a file that ends in .npz")
    texts = read_texts(options.texts)
    with Console(stderr=True).status(f"embedding {len(texts)} classes"):
        model = load_model(options.model)
        vectors = write_semantics(options.out, texts, model)
    print(f"{options.out}: {len(vectors)} classes, {vectors.shape[1]} dimensions by {model.name} "
          f"(weights {model.record['weights']})")  # fmt: skip
    return 0
