"""What a result depends on besides config and data: versions, device, and the state of the checkout, if it is one."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import jax

_PACKAGES = ("jzsl", "jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn", "orbax-checkpoint")


def versions() -> dict[str, str]:
    """Versions of Python and of packages, the device, and `git`: the commit, and whether tracked files have changed."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    described = {"python": platform.python_version(), **packages, "device": jax.devices()[0].device_kind}
    commit = checkout(Path(__file__).parents[2])
    return described | ({} if commit is None else {"git": commit})


def checkout(folder: Path) -> str | None:
    """The commit that a folder is checked out at, followed by ", changed" if its tracked files differ; None if it is
    not the root of a checkout, or there is no git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if not (folder / ".git").exists():
            return None
        commit = git("rev-parse", "HEAD")
        return f"{commit}, changed" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None
