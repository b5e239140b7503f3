"""The report: one HTML file that needs no network, and its figures as PNG and SVG beside it."""

import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from jzsl.errors import InputError, writing
from jzsl.report.chart import Chart, inline_svg, save_chart
from jzsl.report.class_charts import class_charts, class_table
from jzsl.report.comparison import Difference, comparison_chart, differences
from jzsl.report.curve_chart import curve_charts
from jzsl.report.evidence import Evidence, class_numbers, read
from jzsl.report.figures import require_matplotlib
from jzsl.report.markup import document, table
from jzsl.report.paper_table import rows_of
from jzsl.report.sample_charts import hardness_name, ranked_rows, sample_charts
from jzsl.report.training_charts import training_charts
from jzsl.report.words import NUMBERS, SETTINGS, badges

_EXTREMES = 10
_LONG = 60
_MARKS = {False: "plain", True: "caution"}


def write_report(
    run_dirs: Sequence[Path],
    out: Path | None = None,
    config: Path | None = None,
    tsne: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Path:
    """Writes the report of finished runs and returns its path.

    Args:
        run_dirs: folders of the runs; later ones are compared with the first.
        out: the file; None: report.html in the first run's folder. Figures go into a folder of its name beside it.
        config: a config file, if runs are of classes of its own.
        tsne: embed features by t-SNE, else by principal components.
        tell: is told what is going on.

    Raises:
        InputError: if a folder is no finished run's, or the file cannot be written.
    """
    require_matplotlib()
    runs = []
    for run_dir in run_dirs:
        tell(f"reading {run_dir}")
        runs.append(read(run_dir, config))
    out = out or run_dirs[0] / "report.html"
    figures = out.with_name(f"{out.stem}_figures")
    names = _different([run.name for run in runs])
    runs = [run._replace(name=name) for run, name in zip(runs, names, strict=True)]
    try:
        figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{figures}: cannot be made ({error.strerror})") from error

    def shown(charts: list[Chart], prefix: str) -> str:
        parts = []
        for chart in charts:
            tell(f"drawing {chart.title}")
            chart = chart._replace(name=prefix + chart.name)
            save_chart(chart, figures)
            parts.append(
                f'<figure id="{escape(chart.name)}"><h3>{escape(chart.title)}</h3>'
                f"{inline_svg(chart, f'{chart.name}-')}<figcaption>{escape(chart.caption)}</figcaption></figure>"
            )
        return f'<div class="charts">{"".join(parts)}</div>'

    body = [_comparison(runs, run_dirs, shown)] if len(runs) > 1 else []
    for number, run in enumerate(runs):
        body.append(_run(run, shown, f"run{number + 1}-" if len(runs) > 1 else "", len(runs) == 1, tsne))
        if len(runs) == 1:
            body.append(_published(list(run_dirs)))
    title = " and ".join(run.name for run in runs)
    text = document(f"{title}: jzsl report", "\n".join(body))
    temporary = out.with_name(f".{out.name}.new")
    with writing(out):
        temporary.write_text(text)
        temporary.replace(out)
    return out


def _different(names: list[str]) -> list[str]:
    """Names of folders; where two are alike they get their number."""
    return [f"{name} ({place + 1})" if names.count(name) > 1 else name for place, name in enumerate(names)]


def _run(run: Evidence, shown: Callable[[list[Chart], str], str], prefix: str, alone: bool, tsne: bool) -> str:
    result = run.result
    heading = "h1" if alone else "h2"
    cells = "".join(
        f"<div><strong>{result[name]['mean']:.1f} <small>{_spread(result[name])}% {escape(name)}</small></strong>"
        f"<span>{escape(NUMBERS.get(name, ''))}</span></div>"
        for name in _headline(run)
    )
    marks = "".join(f'<li class="{_MARKS[badge.caution]}">{escape(badge.text)}</li>' for badge in badges(run))
    charts = [*training_charts(run), *class_charts(run), *curve_charts(run), *sample_charts(run, tsne)]
    missing = f'<p class="quiet">Features and rows are not shown: {escape(run.absent)}.</p>' if run.absent else ""
    return "\n".join(
        [
            f"<section><{heading}>{escape(run.name)}</{heading}>",
            f'<p class="quiet">{escape(_what(run))}</p>',
            f'<div class="headline">{cells}</div>',
            f"<p>{escape(SETTINGS.get(str(result['setting']), ''))}</p>",
            f'<ul class="badges">{marks}</ul>',
            missing,
            shown(charts, prefix),
            _numbers(run),
            _classes(run),
            _extremes(run),
            _record(run),
            "</section>",
        ]
    )


def _spread(number: dict[str, Any]) -> str:
    return f"± {number['std']:.1f} " if len(number["values"]) > 1 else ""


def _headline(run: Evidence) -> list[str]:
    names = {"T1": ["T1"], "H": ["H", "U", "S"], "A": ["A"]}
    return [name for task in run.experiment.tasks for name in names[task.headline]]


def _what(run: Evidence) -> str:
    result = run.result
    return (
        f"{result['data']['name']}; features: {result['features']['name']}; class semantics: {result['semantics']}; "
        f"{len(run.unseen)} unseen of {len(run.class_names)} classes."
    )


def _numbers(run: Evidence) -> str:
    rows = []
    for name in run.experiment.numbers:
        found = run.result[name]
        seeds = "  ".join(f"{value:.1f}" for value in found["values"])
        rows.append([name, found["mean"], found["std"], seeds, NUMBERS.get(name, "")])
    headings = ["number", "mean (%)", "std", "values by seed", "meaning"]
    return table("All numbers", headings, rows)


def _classes(run: Evidence) -> str:
    headings, rows = class_table(run)
    some = "" if len(rows) == len(class_numbers(run.of(run.task)).classes) else "; the best and the worst ones"
    text = table(f"Classes; accuracies and shares in percent, means over seeds{some}", headings, rows)
    return text if len(rows) <= _LONG else f"<details><summary>{len(rows)} classes</summary>{text}</details>"


def _extremes(run: Evidence) -> str:
    ranked = ranked_rows(run)
    if not ranked:
        return ""
    some = min(_EXTREMES, len(ranked) // 2)
    rows = [
        [name, row.row, row.hardness, row.truth, row.predicted]
        for name, part in (("hardest", ranked[len(ranked) - some :][::-1]), ("easiest", ranked[:some]))
        for row in part
    ]
    name = hardness_name(run)
    text = table(f"Hardest and easiest test rows by {name}, seed {run.result['seeds'][0]}; rows count from 0",
                  ["which", "row", name, "class", "predicted as"], rows, digits=4)  # fmt: skip
    return f"<details><summary>Hardest and easiest rows</summary>{text}</details>"


def _record(run: Evidence) -> str:
    words = {
        "config": run.header["experiment"],
        "data": run.header["data"],
        "versions": run.header["versions"],
        "seconds": round(run.result["duration_s"], 1),
    }
    return (
        f"<details><summary>Config, data and versions</summary><pre>{escape(json.dumps(words, indent=2))}</pre>"
        "</details>"
    )


def _comparison(runs: list[Evidence], run_dirs: Sequence[Path], shown: Callable[[list[Chart], str], str]) -> str:
    number = runs[0].task.headline
    gaps = [_gap_row(gap) for gap in differences(runs)]
    headings = [
        "run",
        "setting",
        f"{number} less that of {runs[0].name}",
        "95 % interval",
        "p (paired t-test)",
        "seeds",
    ]
    return "\n".join(
        [
            f"<section><h1>{escape(' and '.join(run.name for run in runs))}</h1>",
            shown([comparison_chart(runs)], ""),
            table(f"Paired differences of {number} in points, seed by seed", headings, gaps),
            _side_by_side(list(run_dirs)),
            "</section>",
        ]
    )


def _gap_row(gap: Difference) -> list[str | float]:
    if gap.mean is None:
        return [gap.name, gap.setting, f"not compared: {gap.reason}", "", "", ""]
    interval = "" if gap.low is None else f"{gap.low:+.1f} to {gap.high:+.1f}"
    p = "" if gap.p is None else "< 0.001" if gap.p < 0.001 else f"{gap.p:.3f}"
    return [gap.name, gap.setting, f"{gap.mean:+.1f}", interval, p, str(gap.seeds)]


def _side_by_side(run_dirs: list[Path]) -> str:
    rows = rows_of(run_dirs)
    return table("Runs, and published numbers of the same setting, data, features and split", list(rows[0]),
                  [list(row.values()) for row in rows])  # fmt: skip


def _published(run_dirs: list[Path]) -> str:
    """Only if there is something to compare with."""
    return _side_by_side(run_dirs) if len(rows_of(run_dirs)) > 1 else ""
