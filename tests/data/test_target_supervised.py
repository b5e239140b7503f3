"""The upper bound of adaptation trains on target samples and says so; the shifted digits as images."""

import numpy as np
import pytest

from jzsl.data.digits_images import DigitImages
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.target_supervised import TargetSupervised
from jzsl.errors import InputError


def test_shifted_digits_as_images():
    vectors, images = DigitsShift().load(), DigitShiftImages().load()
    assert images.samples.dtype == np.uint8
    np.testing.assert_allclose(images.samples[..., 0].reshape(-1, 64) / 255, vectors.samples, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(images.splits.test_seen, vectors.splits.test_seen)


def test_target_samples_with_labels_are_an_upper_bound_by_name():
    both, bound = DigitShiftImages().load(), TargetSupervised(DigitShiftImages(), test=0.25).load()
    target, splits = both.splits.test_seen, bound.splits
    np.testing.assert_array_equal(np.union1d(splits.train, splits.test_seen), target)
    assert len(splits.test_seen) == pytest.approx(0.25 * len(target), abs=5)
    assert "upper bound" in bound.provenance.name
    assert set(splits.validation_seen) <= set(splits.train)
    with pytest.raises(InputError, match="of unseen classes found, expected a target domain"):
        TargetSupervised(DigitImages()).load()
    with pytest.raises(InputError, match="test: 1 found"):
        TargetSupervised(test=1).load()
