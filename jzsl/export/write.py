"""From a finished run to a folder that classifies without jzsl: StableHLO programs, a NumPy head, and a record."""

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from jzsl.driver.checkpoints import write_json
from jzsl.driver.saved_model import Model
from jzsl.errors import InputError, writing
from jzsl.export.heads import entries_of
from jzsl.interfaces import Method
from jzsl.types import ClassTable, Head, NeighbourHead, Pool

FORMAT = 2
PLATFORMS = ("cpu", "cuda", "tpu")
RECORD, SCORES, CLASS, HEAD = "model.json", "scores.stablehlo", "class.stablehlo", "head.npz"
_BLOCK = 256


def require_flatbuffers() -> None:
    """Raises an InputError if programs cannot be written or read."""
    if importlib.util.find_spec("flatbuffers") is None:
        raise InputError('exported models need flatbuffers, which is not installed: pip install "jzsl[export]"')


def export_model(model: Model, about: dict[str, Any], out: Path, platforms: Sequence[str] = PLATFORMS) -> list[str]:
    """Writes a model into the new folder `out`, and returns the names of its files.

    model.json names the classes and sizes, the run that the model is from, how its samples were made of pictures, and
    what the run's own scores had besides the model.
    scores.stablehlo maps samples x[b, *s] as they are in the data (features in float32, images in uint8) to
    scores[b, k], for any b. head.npz has the same classifier as plain arrays, where it is linear or votes by
    neighbours; class.stablehlo then maps the semantics[a] of a new class to its part of the head.

    Raises:
        InputError: if the folder exists already or cannot be made.
    """
    require_flatbuffers()
    method = model.method.build(model.task)
    semantics = 0 if model.classes.semantics is None else model.classes.semantics.shape[1]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f".{out.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror})") from error
    files = [RECORD, SCORES]
    with writing(out):
        count = jax.export.symbolic_shape("b")[0]
        kind = np.uint8 if model.transform.low.dtype == np.uint8 else np.float32
        _write(temporary / SCORES, _scores(model, method), (count, *model.shape), platforms, kind)
        head = head_of_model(model)
        if head is not None:
            entries = {
                **entries_of(head),
                "low": model.transform.low,
                "span": model.transform.span,
                "offset": model.offsets,
            }
            if model.transform.matrix is not None:
                entries["matrix"] = model.transform.matrix
            np.savez(temporary / HEAD, **entries)
            files.append(HEAD)
            if takes_classes(model, head):
                _write(temporary / CLASS, class_program(model, method), (semantics,), platforms)
                files.append(CLASS)
        record = {
            "format": FORMAT,
            "classes": list(model.names),
            "unseen": [bool(index in model.unseen) for index in model.candidates],
            "offset": float(model.offset),
            "shape": list(model.shape),
            "dtype": "uint8" if model.transform.low.dtype == np.uint8 else "float32",
            "semantics": semantics,
            "task": model.task.name,
            "extraction": None if model.extraction is None else model.extraction.record(),
            "note": model.note,
            "platforms": list(platforms),
            **about,
            "versions": {name: importlib.metadata.version(name) for name in ("jzsl", "jax", "numpy")},
        }
        write_json(temporary / RECORD, record)
        temporary.replace(out)
    return files


def takes_classes(model: Model, head: Head | None) -> bool:
    """Whether a class that is known by its semantics alone can be added."""
    return head is not None and model.classes.semantics is not None and not getattr(head, "joint", False)


def head_of_model(model: Model) -> Head | None:
    """The model's classifier as plain arrays, or None where it is not that simple."""
    head_of = model.method.build(model.task).head
    if head_of is None:
        return None
    head = jax.jit(head_of)(_device(model.predictor), jnp.asarray(model.candidates))
    return jax.tree.map(np.asarray, head)._replace(**_static(head_of(_device(model.predictor), model.candidates[:1])))


def class_program(model: Model, method: Method) -> Callable[[Float[Array, " a"]], dict[str, Array]]:
    """semantics[a] -> the arrays of the head of a new unseen class.

    The predictor is made for the model's unseen classes and the new one: a generator draws features of all of them, and
    those of the new one are kept. So the first class added gets exactly the features that a predictor made with it from
    the start would draw; later ones get the same noise.
    """
    known = model.classes.semantics
    assert method.head is not None
    assert known is not None
    number = model.classes.count

    def one(semantics: Float[Array, " a"]) -> dict[str, Array]:
        table = ClassTable(
            jnp.concatenate([jnp.asarray(known), semantics[None]]),
            jnp.append(jnp.asarray(model.classes.seen), False),
        )
        unseen = jnp.append(jnp.asarray(model.unseen), jnp.int32(number))
        empty = Pool(jnp.zeros((1, *model.transform.shape)), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32))
        predictor = method.predictor(_device(model.state), empty, table, unseen)
        assert method.head is not None
        head = method.head(predictor, jnp.array([number], jnp.int32))
        if isinstance(head, NeighbourHead):
            per_class = head.x.shape[0] // len(unseen)
            head = head._replace(x=head.x[-per_class:], column=head.column[-per_class:], w=head.w[-per_class:])
        return {name: value for name, value in head._asdict().items() if isinstance(value, jax.Array)}

    return one


def _static(head: Head) -> dict[str, Any]:
    """The fields that are not arrays."""
    return {name: value for name, value in head._asdict().items() if isinstance(value, bool | int)}


def _device(tree: Any) -> Any:
    return jax.tree.map(jnp.asarray, tree)


def _scores(model: Model, method: Method) -> Callable[[Num[Array, "b *s"]], Float[Array, "b k"]]:
    """Of samples as they are in the data, block by block, so that the method's own program has a fixed size."""

    def scores(x: Num[Array, "b *s"]) -> Float[Array, "b k"]:
        predictor, candidates = _device(model.predictor), jnp.asarray(model.candidates)
        transformed = model.transform.traced(x)
        count, shape = x.shape[0], transformed.shape[1:]
        blocks = (count + _BLOCK - 1) // _BLOCK
        padding = jnp.zeros((blocks * _BLOCK - count, *shape), transformed.dtype)
        padded = jnp.concatenate([transformed, padding]).reshape(blocks, _BLOCK, *shape)
        scored = jax.lax.map(lambda block: method.logits(predictor, block, candidates), padded)
        return scored.reshape(blocks * _BLOCK, len(candidates))[:count] + model.offsets

    return scores


def _write(
    path: Path, function: Callable[..., Any], shape: tuple[Any, ...], platforms: Sequence[str], kind: Any = np.float32
) -> None:
    argument = jax.ShapeDtypeStruct(shape, kind)
    program = jax.export.export(jax.jit(function), platforms=platforms)(argument)
    path.write_bytes(program.serialize())
