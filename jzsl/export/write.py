"""From a finished run to a folder that classifies without jzsl: StableHLO programs, a NumPy head, and their record."""

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jzsl.driver.checkpoints import write_json
from jzsl.driver.saved_model import Model
from jzsl.errors import InputError, writing
from jzsl.export.heads import entries_of
from jzsl.types import ClassTable, Head, Method, NeighbourHead, Pool

FORMAT = 1
PLATFORMS = ("cpu", "cuda", "tpu")
RECORD, SCORES, CLASS, HEAD = "model.json", "scores.stablehlo", "class.stablehlo", "head.npz"
_BLOCK = 256


def require_flatbuffers() -> None:
    """Raises an InputError if programs cannot be written or read."""
    if importlib.util.find_spec("flatbuffers") is None:
        raise InputError('exported models need flatbuffers, which is not installed: pip install "jzsl[export]"')


def export_model(model: Model, about: dict[str, Any], out: Path, platforms: Sequence[str] = PLATFORMS) -> list[str]:
    """Writes a model into the new folder `out`, and returns the names of its files.

    model.json names classes and sizes and says where the model is from. scores.stablehlo maps unscaled rows x[b, d]
    in float32 to scores[b, k], for any b. head.npz has the same as plain arrays, where the classifier is linear or
    votes by neighbours, and class.stablehlo then maps the semantics[a] of a new class to its part of the head.

    Raises:
        InputError: if the folder is there already or cannot be made.
    """
    require_flatbuffers()
    method = model.method.build(model.task)
    features, semantics = len(model.transform.low), model.classes.semantics.shape[1]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f".{out.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror})") from error
    files = [RECORD, SCORES]
    with writing(out):
        rows = jax.export.symbolic_shape("b")[0]
        _write(temporary / SCORES, _scores(model, method), (rows, features), platforms)
        head = head_of_model(model)
        if head is not None:
            entries = {
                **entries_of(head),
                "low": model.transform.low,
                "span": model.transform.span,
                "bonus": model.bonus,
            }
            np.savez(temporary / HEAD, **entries)
            files.append(HEAD)
            if not getattr(head, "joint", False):
                _write(temporary / CLASS, class_program(model, method), (semantics,), platforms)
                files.append(CLASS)
        record = {
            "format": FORMAT,
            "classes": list(model.names),
            "unseen": [bool(index in model.unseen) for index in model.candidates],
            "factor": float(model.factor),
            "features": features,
            "semantics": semantics,
            "task": model.task.name,
            "platforms": list(platforms),
            **about,
            "versions": {name: importlib.metadata.version(name) for name in ("jzsl", "jax", "numpy")},
        }
        write_json(temporary / RECORD, record)
        temporary.replace(out)
    return files


def head_of_model(model: Model) -> Head | None:
    """The model's classifier as plain arrays, if it is that plain."""
    head_of = model.method.build(model.task).head
    if head_of is None:
        return None
    found = jax.jit(head_of)(_device(model.predictor), jnp.asarray(model.candidates))
    return jax.tree.map(np.asarray, found)._replace(**_static(head_of(_device(model.predictor), model.candidates[:1])))


def class_program(model: Model, method: Method) -> Callable[[Float[Array, " a"]], dict[str, Array]]:
    """semantics[a] -> the arrays of the head of one more unseen class.

    It is recognised among one class more than the model has: a generator draws features for all unseen classes, of
    which the last one's are kept. So the first class added gets the very features that a whole new prediction with it
    would draw; later ones get the same noise.
    """
    assert method.head is not None
    number = len(model.classes.semantics)
    features = len(model.transform.low)

    def one(semantics: Float[Array, " a"]) -> dict[str, Array]:
        table = ClassTable(
            jnp.concatenate([jnp.asarray(model.classes.semantics), semantics[None]]),
            jnp.append(jnp.asarray(model.classes.seen), False),
        )
        unseen = jnp.append(jnp.asarray(model.unseen), jnp.int32(number))
        nothing = Pool(jnp.zeros((1, features)), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32))
        predictor = method.predictor(_device(model.state), nothing, table, unseen)
        assert method.head is not None
        head = method.head(predictor, jnp.array([number], jnp.int32))
        if isinstance(head, NeighbourHead):
            per_class = head.x.shape[0] // len(unseen)
            head = head._replace(x=head.x[-per_class:], column=head.column[-per_class:], w=head.w[-per_class:])
        return {name: value for name, value in head._asdict().items() if isinstance(value, jax.Array)}

    return one


def _static(head: Head) -> dict[str, Any]:
    """The fields that are no arrays."""
    return {name: value for name, value in head._asdict().items() if isinstance(value, bool | int)}


def _device(tree: Any) -> Any:
    return jax.tree.map(jnp.asarray, tree)


def _scores(model: Model, method: Method) -> Callable[[Float[Array, "b d"]], Float[Array, "b k"]]:
    """Of unscaled rows, a block at a time: no program of a method needs to know that their number is free."""

    def scores(x: Float[Array, "b d"]) -> Float[Array, "b k"]:
        predictor, candidates = _device(model.predictor), jnp.asarray(model.candidates)
        scaled = model.transform.traced(x)
        rows, features = scaled.shape
        blocks = (rows + _BLOCK - 1) // _BLOCK
        filled = jnp.concatenate([scaled, jnp.zeros((blocks * _BLOCK - rows, features))])
        found = jax.lax.map(
            lambda block: method.logits(predictor, block, candidates), filled.reshape(blocks, _BLOCK, features)
        )
        return found.reshape(blocks * _BLOCK, len(candidates))[:rows] + model.bonus

    return scores


def _write(path: Path, function: Callable[..., Any], shape: tuple[Any, ...], platforms: Sequence[str]) -> None:
    argument = jax.ShapeDtypeStruct(shape, jnp.float32)
    program = jax.export.export(jax.jit(function), platforms=platforms)(argument)
    path.write_bytes(program.serialize())
