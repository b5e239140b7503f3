"""The README's commands and Python example are the ones that work."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_python_example_runs(capsys):
    example = README.split("## From Python")[1].split("```python")[1].split("```")[0]
    exec(compile(example, "README.md", "exec"), {})
    number = re.search(r"'T1': ([\d.]+)", capsys.readouterr().out)
    assert number
    assert float(number.group(1)) > 50  # chance is 33


def test_files_that_the_readme_names_exist():
    for name in re.findall(r"`?((?:jzsl|configs|benchmarks|tests)/[\w/]+(?:\.\w+)?)", README):
        assert (ROOT / name).exists(), name


def test_continuous_integration_calls_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r"grep -m1 -E '([^']+)' README.md", script)
    assert pattern
    found = [line for line in README.splitlines() if re.search(pattern.group(1), line)]
    assert len(found) == 1
    assert found[0].endswith("-m pytest")
