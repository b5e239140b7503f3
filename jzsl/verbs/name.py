"""`jzsl name`: give names to the clusters that a run has discovered."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from jzsl.driver.cluster_names import give_names, path_of
from jzsl.driver.folder import saved
from jzsl.errors import InputError


@dataclass(frozen=True)
class NameOptions:
    """Give names to the clusters of a run; `jzsl predict`, `export` and `report` then use them."""

    run_dir: tyro.conf.Positional[Path]
    """folder of the run"""
    classes: tuple[str, ...]
    """CLUSTER=NAME, such as new-1=otter; a cluster's own name takes an earlier one back"""
    seed: int = 0
    """seed whose clusters these are: each seed has its own"""


def name(arguments: list[str]) -> int:
    options = tyro.cli(NameOptions, args=arguments, prog="jzsl name")
    saved(options.run_dir)
    pairs = [_pair(text) for text in options.classes]
    names = dict(pairs)
    if len(names) < len(pairs):
        raise InputError("classes: a cluster is given twice, expected one name for each")
    if not names:
        raise InputError("classes: none, expected CLUSTER=NAME, such as new-1=otter")
    given = give_names(options.run_dir, options.seed, names)
    listed = ", ".join(f"{cluster} is {word}" for cluster, word in given.items())
    print(f"{path_of(options.run_dir)}: {listed}")
    return 0


def _pair(text: str) -> tuple[str, str]:
    cluster, equals, name = text.partition("=")
    if not (cluster and equals and name.strip()):
        raise InputError(f"classes: {text!r} found, expected CLUSTER=NAME, such as new-1=otter")
    return cluster, name.strip()
