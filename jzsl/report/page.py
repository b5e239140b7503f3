"""The report: one HTML file that needs no network, and its figures as PNG and SVG beside it."""

import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from jzsl.errors import InputError, writing
from jzsl.report.chart import Chart, inline_svg, save_chart
from jzsl.report.class_charts import class_charts, class_table
from jzsl.report.class_metrics import class_metrics
from jzsl.report.cluster_charts import cluster_charts, cluster_table
from jzsl.report.comparison import Difference, comparison_chart, differences
from jzsl.report.curve_chart import curve_charts
from jzsl.report.figures import require_matplotlib
from jzsl.report.markup import document, table
from jzsl.report.names_section import names_section
from jzsl.report.paper_table import rows_of
from jzsl.report.run_artifacts import RunArtifacts, read
from jzsl.report.sample_charts import RankedSample, hardness_name, ranked_samples, sample_charts
from jzsl.report.training_charts import training_charts
from jzsl.report.words import METRICS, badges, setting_text

_EXTREMES = 10
_LONG = 60
_KINDS = {False: "plain", True: "caution"}


def write_report(
    run_dirs: Sequence[Path],
    out: Path | None = None,
    config: Path | None = None,
    tsne: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> Path:
    """Writes the report of finished runs and returns its path.

    Args:
        run_dirs: folders of the runs; the later ones are compared with the first.
        out: the file; None: report.html in the first run's folder. Figures go into a folder of its name beside it.
        config: the config file of the runs, if it has classes of its own.
        tsne: embed features by t-SNE, else by principal components.
        progress: called with one line about each step.

    Raises:
        InputError: if a folder holds no finished run, or the file cannot be written.
    """
    require_matplotlib()
    runs = []
    for run_dir in run_dirs:
        progress(f"reading {run_dir}")
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
            progress(f"drawing {chart.title}")
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
    """Names of folders; equal ones are numbered."""
    return [f"{name} ({number})" if names.count(name) > 1 else name for number, name in enumerate(names, 1)]


def _run(run: RunArtifacts, shown: Callable[[list[Chart], str], str], prefix: str, alone: bool, tsne: bool) -> str:
    result = run.result
    heading = "h1" if alone else "h2"
    cells = "".join(
        f"<div><strong>{result[name]['mean']:.1f} <small>{_deviation(result[name])}% {escape(name)}</small></strong>"
        f"<span>{escape(METRICS.get(name, ''))}</span></div>"
        for name in _headline(run)
    )
    facts = "".join(f'<li class="{_KINDS[badge.caution]}">{escape(badge.text)}</li>' for badge in badges(run))
    ranked = [] if run.task.clusters else ranked_samples(run)
    charts = [*training_charts(run), *_charts_of_classes(run), *curve_charts(run), *sample_charts(run, ranked, tsne)]
    missing = f'<p class="quiet">Samples are not shown: {escape(run.missing)}.</p>' if run.missing else ""
    return "\n".join(
        [
            f"<section><{heading}>{escape(run.name)}</{heading}>",
            f'<p class="quiet">{escape(_what(run))}</p>',
            f'<div class="headline">{cells}</div>',
            f"<p>{escape(setting_text(run))}</p>",
            f'<ul class="badges">{facts}</ul>',
            missing,
            names_section(run),
            shown(charts, prefix),
            _metrics(run),
            _classes(run),
            _extremes(run, ranked),
            _record(run),
            "</section>",
        ]
    )


def _deviation(metric: dict[str, Any]) -> str:
    """Over seeds; one seed has none."""
    return "" if metric["std"] is None else f"± {metric['std']:.1f} "


def _headline(run: RunArtifacts) -> list[str]:
    """The headline metrics of all tasks; a harmonic mean with its two parts."""
    names = [
        name
        for task in run.experiment.tasks
        for name in (("H", "U", "S") if task.headline == "H" else (task.headline,))
    ]
    return [name for name in names if name in run.result]


def _what(run: RunArtifacts) -> str:
    result = run.result
    images = run.problem is not None and run.problem.samples.ndim > 2
    return (
        f"{result['data']['name']}; {'images' if images else 'features'}: {result['features']['name']}; "
        f"{_semantics(run)}; {_count_of_classes(run)}."
    )


def _count_of_classes(run: RunArtifacts) -> str:
    clusters = run.model.classes.clusters
    if clusters is not None:
        old = int(np.sum(run.model.classes.seen))
        return f"{f'{old} old classes, ' if old else ''}{len(clusters)} clusters"
    return f"{f'{len(run.unseen)} unseen of ' if len(run.unseen) else ''}{len(run.class_names)} classes"


def _semantics(run: RunArtifacts) -> str:
    if run.model.classes.semantics is None:
        return "no class semantics"
    return f"class semantics: {run.result['semantics']}"


def _metrics(run: RunArtifacts) -> str:
    rows = []
    for name in run.experiment.numbers:
        metric = run.result[name]
        seeds = "  ".join(f"{value:.1f}" for value in metric["values"])
        deviation = "-" if metric["std"] is None else metric["std"]
        rows.append([name, metric["mean"], deviation, seeds, METRICS.get(name, "")])
    headings = ["metric", "mean (%)", "std", "values by seed", "meaning"]
    return table("All metrics", headings, rows)


def _charts_of_classes(run: RunArtifacts) -> list[Chart]:
    return cluster_charts(run) if run.task.clusters else class_charts(run)


def _classes(run: RunArtifacts) -> str:
    if run.task.clusters:
        caption = f"Clusters of seed {run.result['seeds'][0]}; shares in percent, samples numbered from 0"
        return table(caption, *cluster_table(run))
    headings, rows = class_table(run)
    every = len(rows) == len(class_metrics(run.of_task(run.task)).classes)
    mean = ", means over seeds" if len(run.predictions) > 1 else ""
    text = table(
        f"Classes; accuracies and shares in percent{mean}{'' if every else '; the best and the worst ones'}",
        headings,
        rows,
    )
    return text if len(rows) <= _LONG else f"<details><summary>{len(rows)} classes</summary>{text}</details>"


def _extremes(run: RunArtifacts, ranked: list[RankedSample]) -> str:
    if not ranked:
        return ""
    count = min(_EXTREMES, len(ranked) // 2)
    rows = [
        [name, one.sample, one.hardness, one.truth, one.predicted]
        for name, part in (("hardest", ranked[len(ranked) - count :][::-1]), ("easiest", ranked[:count]))
        for one in part
    ]
    name = hardness_name(run)
    text = table(
        f"Hardest and easiest test samples by {name}, seed {run.result['seeds'][0]}; samples are numbered from 0",
        ["", "sample", name, "class", "predicted as"],
        rows,
        digits=4,
    )
    return f"<details><summary>Hardest and easiest samples</summary>{text}</details>"


def _record(run: RunArtifacts) -> str:
    content = {
        "config": run.header["experiment"],
        "data": run.header["data"],
        "notes": run.header.get("notes", []),
        "versions": run.header["versions"],
        "seconds": round(run.result["duration_s"], 1),
    }
    return (
        f"<details><summary>Config, data and versions</summary><pre>{escape(json.dumps(content, indent=2))}</pre>"
        "</details>"
    )


def _comparison(runs: list[RunArtifacts], run_dirs: Sequence[Path], shown: Callable[[list[Chart], str], str]) -> str:
    metric, gaps = runs[0].task.headline, differences(runs)
    tests = sum(gap.p is not None for gap in gaps)
    corrected = f"; p-values corrected by Holm's method for {tests} comparisons" if tests > 1 else ""
    headings = [
        "run",
        "setting",
        f"{metric} minus that of {runs[0].name}",
        "95 % interval",
        "p (paired t-test)" if tests < 2 else "p (paired t-test, Holm-corrected)",
        "seeds",
    ]
    caption = f"Paired differences of {metric} in points, seed by seed{corrected}"
    return "\n".join(
        [
            f"<section><h1>{escape(' and '.join(run.name for run in runs))}</h1>",
            shown([comparison_chart(runs)], ""),
            table(caption, headings, [_difference_row(gap) for gap in gaps]),
            _side_by_side(list(run_dirs)),
            "</section>",
        ]
    )


def _difference_row(gap: Difference) -> list[str | float]:
    if gap.mean is None:
        return [gap.name, gap.setting, f"not compared: {gap.reason}", "", "", ""]
    interval = "" if gap.low is None else f"{gap.low:+.1f} to {gap.high:+.1f}"
    p = "" if gap.p is None else "< 0.001" if gap.p < 0.001 else f"{gap.p:.3f}"
    return [gap.name, gap.setting, f"{gap.mean:+.1f}", interval, p, str(gap.seeds)]


def _side_by_side(run_dirs: list[Path]) -> str:
    rows = rows_of(run_dirs)
    return table(
        "Runs, and published results of the same setting, data, features and split",
        list(rows[0]),
        [list(row.values()) for row in rows],
    )


def _published(run_dirs: list[Path]) -> str:
    """Only if there is something to compare with."""
    return _side_by_side(run_dirs) if len(rows_of(run_dirs)) > 1 else ""
