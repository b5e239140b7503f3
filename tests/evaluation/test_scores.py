"""Scores that are no numbers are refused before anything is counted from them."""

import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.metrics.scores import require_scores


def test_nan_is_refused_by_the_name_of_its_sample():
    scores = np.zeros((5, 3), np.float32)
    scores[0, 1], scores[1, 2] = -np.inf, np.inf
    require_scores(scores)
    scores[[3, 4], [2, 0]] = np.nan
    with pytest.raises(InputError, match=r"sample 3 .* 1 more of 5"):
        require_scores(scores)
    with pytest.raises(InputError, match="sample 103 "):
        require_scores(scores, np.arange(100, 105))
