"""The structure: imports only ever point down the list of rooms, no module imports in a circle, imports are small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "jzsl"
ROOMS = (
    "errors", "packages", "keys", "cosine", "types", "records", "devices", "problem", "interfaces", "procedure",
    "metrics", "hardness", "tasks", "data", "nets", "extraction", "training", "sampling", "classifiers", "generators",
    "methods", "self_training", "evaluation", "config", "exchange", "driver", "report", "studies", "export", "verbs",
    "cli", "__main__", "__init__",
)  # fmt: skip
"""From the ground up."""


def modules() -> dict[str, set[str]]:
    """Every module of the package, and the modules of the package that it imports when it is imported."""
    names = {path: ".".join(path.relative_to(ROOT.parent).with_suffix("").parts) for path in ROOT.rglob("*.py")}
    every = set(names.values())
    imported: dict[str, set[str]] = {}
    for path, name in names.items():
        tree, targets = ast.parse(path.read_text()), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                targets |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        imported[name] = targets & every
    return imported


def test_imports_point_down():
    wrong = []
    for name, targets in modules().items():
        room = name.split(".")[1]
        wrong += [
            f"{name} imports {target}"
            for target in targets
            if "." in target and ROOMS.index(target.split(".")[1]) > ROOMS.index(room)
        ]
    assert wrong == []


def test_no_module_imports_in_a_circle():
    imported, done = modules(), set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for target in imported[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in imported:
        visit(name, ())


def test_flax_stays_in_its_room():
    users = {
        path.parent.name
        for path in ROOT.rglob("*.py")
        if any(line.startswith(("import flax", "from flax")) for line in path.read_text().splitlines())
    }
    assert users == {"nets"}


@pytest.mark.parametrize("name", ["jzsl.methods.generative", "jzsl.self_training.rounds", "jzsl.problem.problem"])
def test_an_import_loads_only_what_its_room_needs(name):
    heavy = "{'h5py', 'sklearn', 'tyro', 'orbax'}"  # Flax itself loads rich
    program = f"import sys, {name}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
