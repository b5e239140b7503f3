"""Foreign bytes as files of weights end in tensors or in one clear error. Thousands with `-m slow`."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given

from jzsl.data.weights import read_weights
from tests.data.test_weights import write
from tests.fuzz.mutations import EDITS, edited
from tests.fuzz.test_fuzz import EXAMPLES, attempt, many, peak_memory, tally

_MOST_BYTES = 100_000_000


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize("name", ["zip.pth", "stream.pth", "file.safetensors"])
def test_foreign_bytes_in_files_of_weights(tmp_path, name, count):
    tensors = {"a": np.ones((3, 2), np.float32), "b": np.arange(4), "c.bias": np.zeros((2, 2, 2), np.float16)}
    path = write(tmp_path / name, tensors)
    whole, outcomes = path.read_bytes(), Counter()
    before = peak_memory()

    def read():
        for tensor in read_weights(path).tensors.values():
            tensor.sum(dtype=np.float64)

    @many(count)
    @given(EDITS)
    def check(edits):
        path.write_bytes(edited(whole, edits))
        attempt(read, outcomes)

    check()
    tally(outcomes, count, name)
    assert peak_memory() - before < _MOST_BYTES
