"""A function that is compiled ahead of time, for one set of shapes, and never again."""

from collections.abc import Callable
from typing import Any

import jax


class Program:
    """Compiled by the first call, or before it from shapes alone; arguments of other shapes then raise a TypeError.

    Args:
        function: of arrays.
        uses_up: whether the memory of its first argument is donated to the result.
    """

    def __init__(self, function: Callable[..., Any], uses_up: bool = False):
        self._jit = jax.jit(function, donate_argnums=(0,) if uses_up else ())
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return self.compile(*arguments)(*arguments)

    def compile(self, *arguments: Any) -> Any:
        """The compiled program, from arrays or from `jax.ShapeDtypeStruct`s with their shardings."""
        if self._compiled is None:
            self._compiled = self._jit.lower(*arguments).compile()
        return self._compiled

    def shapes(self, *arguments: Any) -> Any:
        """Shapes of its results, without computing them."""
        return jax.eval_shape(self._jit, *arguments)

    @property
    def bytes(self) -> int:
        """What it needs on each device while it runs, arguments included, by the compiler's count."""
        memory = self._compiled.memory_analysis()
        if memory is None:  # not every backend counts
            return 0
        results = memory.output_size_in_bytes - memory.alias_size_in_bytes + memory.temp_size_in_bytes
        return memory.argument_size_in_bytes + results
