"""Runs side by side as a table for a paper: Markdown, LaTeX or CSV, each row with its setting and its features."""

import csv
import io
from pathlib import Path
from typing import Any

from jzsl.driver.result import read_run
from jzsl.report.published import comparable

_TEX = str.maketrans({"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
                      "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"})  # fmt: skip
COLUMNS = ("setting", "data", "features", "split", "method", "seeds", "epochs", "class prior")


def rows_of(run_dirs: list[Path]) -> list[dict[str, str]]:
    """A row for each run, below it the published ones of the same setting, data, features and split.

    Numbers are percent, mean ± standard deviation over seeds. A setting, a data set and its features are columns of
    every row: numbers of different ones stand in one table only with their names.

    Raises:
        InputError: if a folder is no finished run's.
    """
    runs, rows = [read_run(run_dir) for run_dir in run_dirs], []
    names = list(dict.fromkeys(name for _, result in runs for name in _numbers(result)))
    published = set()
    for run_dir, (config, result) in zip(run_dirs, runs, strict=True):
        # Semantics of the xlsa17 layout are named after their file, which is the split's; others have no such name.
        split, colon, _ = str(result.get("semantics", "")).partition(":")
        place = (result["setting"], result["data"]["name"], result["features"]["name"], split if colon else "")
        chosen = " (validation)" if result.get("epochs_chosen") else ""
        own = {
            **dict(zip(COLUMNS, place, strict=False)),
            "method": f"{_method(config['experiment'])} ({run_dir.resolve().name})",
            "seeds": str(len(result["seeds"])),
            "epochs": f"{result.get('epochs')}{chosen}",
            "class prior": str(result.get("class_prior", "")) if result.get("rounds") else "",
        }
        rows.append({**own, **{name: _shown(result[name]) if name in result else "" for name in names}})
        if place not in published:
            published.add(place)
            for row in comparable(*place):
                if row.number in names:
                    empty = dict.fromkeys((*COLUMNS, *names), "")
                    number = f"{row.percent[place[1].upper()]:.1f}"
                    rows.append({**empty, **dict(zip(COLUMNS, place, strict=False)),
                                 "method": f"{row.method}, published", row.number: number})  # fmt: skip
    return rows


def _numbers(result: dict[str, Any]) -> list[str]:
    return [name for name, value in result.items() if isinstance(value, dict) and {"mean", "std"} <= set(value)]


def _shown(number: dict[str, Any]) -> str:
    one = f"{number['mean']:.1f}"
    return f"{one} ± {number['std']:.1f}" if len(number["values"]) > 1 else one


def _method(experiment: dict[str, Any]) -> str:
    """The names of the classes that the config is made of, such as STHS around ABP."""

    def named(value: Any) -> str:
        return str(value.get("type", "")).rpartition(":")[2] if isinstance(value, dict) else ""

    method = experiment.get("method") or {}
    base = named(method.get("generator")) or named(method)
    training = experiment.get("self_training")
    return f"STHS around {base}, {named(training.get('selection'))}" if isinstance(training, dict) else base


def markdown(rows: list[dict[str, str]]) -> str:
    """A pipe table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def latex(rows: list[dict[str, str]]) -> str:
    """A tabular with the rules of booktabs."""

    def line(cells) -> str:
        return " & ".join(cell.translate(_TEX).replace("±", r"$\pm$") for cell in cells) + r" \\"

    words = "l" * len(COLUMNS) + "r" * (len(rows[0]) - len(COLUMNS))
    body = [line(row.values()) for row in rows]
    lines = [rf"\begin{{tabular}}{{{words}}}", r"\toprule", line(rows[0]), r"\midrule", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def comma_separated(rows: list[dict[str, str]]) -> str:
    """CSV with a line of headings."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


FORMATS = {"markdown": markdown, "latex": latex, "csv": comma_separated}
