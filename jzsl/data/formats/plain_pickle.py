"""Pickles read as data: containers, numbers, strings and what the caller allows by name; nothing is imported or run."""

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any

from jzsl.errors import InputError

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "SHORT_BINSTRING", "BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Named:
    """A class or function that a pickle refers to by name, and that the caller gave no meaning of its own."""

    def __init__(self, name: str):
        self.name = name


def read_pickle(
    file: IO[bytes],
    what: str,
    allowed: Mapping[str, Callable[..., Any] | Named],
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """The value of the pickle at the position of `file`, which is left after its end.

    Args:
        file: of bytes, read through `pickletools`.
        what: named in errors.
        allowed: the meaning of each name, "module.name", that the pickle may refer to; functions take the arguments of
            the pickle.
        persistent: the meaning of a persistent identifier; None: none may occur.

    Raises:
        InputError: for a name that is not allowed, an opcode that data do not need, and a broken pickle.
    """
    try:
        return _interpret(file, what, allowed, persistent)
    except InputError:
        raise
    except Exception as error:  # broken bytes raise many kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{what}: not a readable pickle ({reason})") from error


def _interpret(file, what, allowed, persistent) -> Any:
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    def named(name: str) -> Any:
        if name not in allowed:
            raise InputError(f"{what}: refers to {name}, expected only tensors, numbers and strings in containers")
        return allowed[name]

    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name in ("PROTO", "FRAME"):
            continue
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in _TUPLES:
            size = _TUPLES[name]
            items = tuple(stack.pop() for _ in range(size))[::-1]
            stack.append(items)
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else since_mark()
            _container(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else since_mark()
            _container(stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(named(str(argument).replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(named(f"{module}.{attribute}"))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            if isinstance(function, Named) or function not in allowed.values():
                raise InputError(f"{what}: calls what is no function of tensors")
            stack.append(function(*arguments))
        elif name == "BINPERSID" and persistent is not None:
            stack.append(persistent(stack.pop()))
        elif name == "BUILD":
            stack.pop()  # attributes of a container, such as the versions of a state dict
            _container(stack[-1], dict)
        elif name == "STOP":
            (value,) = stack
            return value
        else:
            raise InputError(f"{what}: pickle opcode {name} found, expected only those of containers and tensors")
    raise InputError(f"{what}: the pickle ends early")


def _container(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{type(value).__name__} found, expected {kind.__name__}")
    return value
