"""The reader of classic MATLAB files against SciPy's, which reads the same from whole files."""

import numpy as np
import pytest
import scipy.io

from jzsl.data.formats.matlab5 import Matlab5

VARIABLES = {
    "doubles": np.arange(12.0).reshape(3, 4) / 7,
    "whole": np.arange(600.0).reshape(2, 300),
    "singles": np.array([[1.5, -2]], np.float32),
    **{f"i{size}": np.array([[-3, 4, 100]], f"i{size}") for size in (1, 2, 4, 8)},
    **{f"u{size}": np.array([[3], [200]], f"u{size}") for size in (1, 2, 4, 8)},
    "flags": np.array([[True, False, True]]),
    "cube": np.arange(24.0).reshape(2, 3, 4),
    "empty": np.zeros((0, 3)),
    "text": "a line of text",
    "lines": np.array(["one  ", "three"]),
    "names": np.array([["ä, ö"], ["grizzly+bear"], ["x"]], object),
    "nested": np.array([[np.arange(3.0), np.array([["deep"]], object)]], object),
    "a" * 31: np.eye(2),
}


def flat(value):
    """Values alone, whatever cells and strings are wrapped in."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return [part for cell in value.ravel() for part in flat(cell)]
    return [value if isinstance(value, str) else (value.shape, value.dtype.str, value.tolist())]


@pytest.mark.parametrize("compressed", [False, True])
def test_equal_to_scipy(tmp_path, compressed):
    path = tmp_path / "file.mat"
    scipy.io.savemat(path, VARIABLES, do_compression=compressed)
    expected, file = scipy.io.loadmat(path, mat_dtype=True), Matlab5(path)
    assert file.names == set(VARIABLES)
    for name in VARIABLES:
        assert flat(file.read(name)) == flat(expected[name]), name


def test_numbers_stored_in_fewer_bytes_are_what_they_were(tmp_path):
    """MATLAB stores doubles that are whole numbers as small integers; SciPy reads these files, too."""
    whole = np.arange(10.0)[None]
    scipy.io.savemat(tmp_path / "file.mat", {"x": whole})
    content = (tmp_path / "file.mat").read_bytes()
    double = np.array([9, 80], np.uint32).tobytes() + whole.tobytes()
    small = np.array([2, 10], np.uint32).tobytes() + whole.astype("u1").tobytes() + bytes(6)
    assert double in content
    shorter = content.replace(double, small)
    size = int.from_bytes(content[132:136], "little") - len(double) + len(small)
    (tmp_path / "small.mat").write_bytes(shorter[:132] + size.to_bytes(4, "little") + shorter[136:])
    found = Matlab5(tmp_path / "small.mat").read("x")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, whole)
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "small.mat")["x"], whole)


@pytest.mark.shared_data
def test_real_files_equal_scipys_reading(shared_data):
    for path in sorted(shared_data.rglob("*.mat")):
        expected, file = scipy.io.loadmat(path, mat_dtype=True), Matlab5(path)
        assert file.names == {name for name in expected if not name.startswith("__")}
        for name in file.names:
            found, wanted = file.read(name), expected[name]
            if wanted.dtype == object:
                assert [str(cell[0]) for cell in found.ravel()] == [str(cell.item()) for cell in wanted.ravel()]
            else:
                assert found.dtype == wanted.dtype
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.array([[1 + 2j]]), "complex"), ({"field": 1.0}, "class 2"), (scipy.sparse.eye(3), "class 5")],
)
def test_what_is_not_read_is_said(tmp_path, value, message):
    scipy.io.savemat(tmp_path / "file.mat", {"x": value})
    with pytest.raises(ValueError, match=message):
        Matlab5(tmp_path / "file.mat").read("x")
