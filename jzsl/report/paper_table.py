"""Runs side by side as a table for a paper: Markdown, LaTeX or CSV, each row with its setting and features."""

import csv
import io
from pathlib import Path
from typing import Any

from jzsl.driver.result import read_run
from jzsl.report.published import Published, comparable

_TEX = str.maketrans({"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
                      "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"})  # fmt: skip
COLUMNS = ("setting", "data", "features", "split", "method", "seeds", "epochs", "class prior")


def rows_of(run_dirs: list[Path]) -> list[dict[str, str]]:
    """One row per run, below it the published results of the same setting, data, features and split.

    Metrics are percent: mean ± standard deviation over seeds, the mean alone for one seed. A setting, a data set and
    its features are columns of every row: results of different ones stand in one table only with their names.

    Raises:
        InputError: if a folder holds no finished run.
    """
    runs, rows = [read_run(run_dir) for run_dir in run_dirs], []
    names = list(dict.fromkeys(name for _, result in runs for name in _metrics(result)))
    published = set()
    for run_dir, (config, result) in zip(run_dirs, runs, strict=True):
        # Semantics of the xlsa17 layout are named after their file, which is the split's; others have no such name.
        split, colon, _ = result["semantics"].partition(":")
        kind = (result["setting"], result["data"]["name"], result["features"]["name"], split if colon else "")
        validated = " (validation)" if result["epochs_chosen"] else ""
        rows.append(
            {
                **dict(zip(COLUMNS, kind, strict=False)),
                "method": f"{_method(config['experiment'])} ({run_dir.resolve().name})",
                "seeds": str(len(result["seeds"])),
                "epochs": f"{result['epochs']}{validated}",
                "class prior": result["class_prior"] if result["rounds"] else "",
                **{name: _shown(result[name]) if name in result else "" for name in names},
            }
        )
        if kind not in published:
            published.add(kind)
            rows += [_published_row(row, kind, names) for row in comparable(*kind) if row.metric in names]
    return rows


def _published_row(row: Published, kind: tuple[str, ...], names: list[str]) -> dict[str, str]:
    return {
        **dict.fromkeys((*COLUMNS, *names), ""),
        **dict(zip(COLUMNS, kind, strict=False)),
        "method": f"{row.method}, published",
        row.metric: f"{row.percent[kind[1].upper()]:.1f}",
    }


def _metrics(result: dict[str, Any]) -> list[str]:
    return [name for name, value in result.items() if isinstance(value, dict) and {"mean", "std"} <= set(value)]


def _shown(metric: dict[str, Any]) -> str:
    deviation = "" if metric["std"] is None else f" ± {metric['std']:.1f}"
    return f"{metric['mean']:.1f}{deviation}"


def _method(experiment: dict[str, Any]) -> str:
    """The names of the classes that the config is made of, such as STHS around ABP, CFBS."""

    def named(value: Any) -> str:
        return str(value.get("type", "")).rpartition(":")[2] if isinstance(value, dict) else ""

    method = experiment.get("method") or {}
    base = named(method.get("generator")) or named(method)
    training = experiment.get("self_training")
    return f"{named(training)} around {base}, {named(training.get('selection'))}" if training else base


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
