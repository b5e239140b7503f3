"""Scores that are no numbers are refused before anything is counted from them."""

import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.metrics.scores import require_scores
from jzsl.metrics.top_k import top_columns


def test_nan_is_refused_by_the_name_of_its_sample():
    scores = np.zeros((5, 3), np.float32)
    scores[0, 1], scores[1, 2] = -np.inf, np.inf
    require_scores(scores)
    scores[[3, 4], [2, 0]] = np.nan
    with pytest.raises(InputError, match=r"sample 3 .* 1 more of 5"):
        require_scores(scores)
    with pytest.raises(InputError, match="sample 103 "):
        require_scores(scores, np.arange(100, 105))


def test_a_nan_among_the_best_columns_is_refused():
    """Also where only these are kept, chunk by chunk; the sample is counted over all chunks."""
    scores = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0.5, 0.2, 0.1]], np.float32)
    chunks = [scores[:2], scores[2:]]
    np.testing.assert_array_equal(top_columns(lambda x: x, iter(chunks), 2), [[2, 1], [0, 1], [0, 1]])
    wrong = scores.copy()
    wrong[2, 1] = np.nan
    with pytest.raises(InputError, match="sample 2 has a score that is not a number"):
        top_columns(lambda x: x, iter([wrong[:2], wrong[2:]]), 2)
