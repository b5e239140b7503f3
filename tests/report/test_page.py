"""The report: its metrics against those of the run, and the page itself in a browser."""

import base64
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import ttest_rel

from jzsl.cli import main
from jzsl.config import Experiment, Train
from jzsl.data.arrays import Arrays
from jzsl.data.digits import Digits
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver import predictions
from jzsl.driver.runner import run
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.metrics.accuracy import per_class_accuracy
from jzsl.nets.small_cnn import SmallCNN
from jzsl.report.class_charts import class_table
from jzsl.report.class_metrics import class_metrics
from jzsl.report.comparison import differences
from jzsl.report.page import write_report
from jzsl.report.run_artifacts import read
from jzsl.report.sample_charts import ranked_samples
from jzsl.report.words import badges
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"
ROUNDS = Path(__file__).parent / "small_digits.py"
NORMALISED = ROUNDS.with_name("small_digits_normalised.py")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path, Path]:
    """Two transductive runs on digits and an inductive one of both tasks."""
    folder = tmp_path_factory.mktemp("report")
    assert main(["run", str(ROUNDS), "--out", str(folder / "cfbs")]) == 0
    assert main(["run", str(NORMALISED), "--out", str(folder / "normalised")]) == 0
    assert main(["run", str(TINY), "--out", str(folder / "both"), "--train.max-epochs", "2"]) == 0
    return folder / "cfbs", folder / "normalised", folder / "both"


@pytest.fixture(scope="module")
def pages(runs) -> tuple[Path, Path]:
    """Of the first two runs side by side, and of the third."""
    compared = runs[0].parent / "compared.html"
    assert main(["report", *map(str, runs[:2]), "--out", str(compared)]) == 0
    assert main(["report", str(runs[2]), "--embedding", "tsne"]) == 0
    return compared, runs[2] / "report.html"


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, or a skip where there is none."""
    binary, service = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and service):
        pytest.skip("no Chromium with its driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = binary
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking",
                     "disable-component-update", "disable-sync", "disable-quic"):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(service))
    yield driver
    driver.quit()


def test_predictions_give_the_metrics_of_the_result(runs):
    """The predictions that a run keeps are enough to compute its metrics again, by hand."""
    for run_dir, task, metric in ((runs[0], ZSL(), "T1"), (runs[2], GZSL(), "U")):
        result = json.loads((run_dir / "result.json").read_text())
        for seed, value in enumerate(result[metric]["values"]):
            kept = predictions.load(run_dir, seed, (task,))[task.name]
            unseen = np.unique(kept.truth) if task == ZSL() else read(run_dir).unseen
            rates = [np.mean(kept.predicted[kept.truth == number] == number) for number in unseen]
            assert 100 * np.mean(rates) == pytest.approx(value)
    labels = Digits().load().labels
    kept = predictions.load(runs[0], 0, (ZSL(),))["zsl"]
    assert (labels[kept.samples] == kept.truth).all()


def test_class_metrics_against_counting(runs):
    run = read(runs[0])
    seeds = run.of_task(ZSL())
    metrics = class_metrics(seeds)
    assert metrics.accuracy[1] == pytest.approx(
        100 * per_class_accuracy(seeds[1].truth, seeds[1].predicted, metrics.classes)
    )
    assert metrics.confusion is not None
    for row, true in enumerate(metrics.classes):
        for column, predicted in enumerate(metrics.candidates):
            rates = [100 * np.mean(one.predicted[one.truth == true] == predicted) for one in seeds]
            assert metrics.confusion[row, column] == pytest.approx(np.mean(rates))
    assert metrics.predicted.sum(1) == pytest.approx(100)
    assert metrics.true.sum() == pytest.approx(100)
    headings, rows = class_table(run)
    assert len(rows) == 3
    assert "prior by 3C (edges)" not in headings
    assert "prior by 3C (edges)" in class_table(read(runs[1]))[0]


def test_every_round_records_the_accuracy_of_its_pseudo_labels(runs):
    lines = [json.loads(line) for line in (runs[1] / "metrics.jsonl").read_text().splitlines()]
    assert all("pseudo_label_accuracy" not in line for line in lines if line["round"] == 0)
    later = [line for line in lines if line["round"] > 0]
    assert later
    for line in later:
        assert 40 < line["pseudo_label_accuracy"] <= 100  # chance is 33 %
    for line in lines:
        assert sum(line["class_frequency"]) == pytest.approx(1)
        assert sum(line["class_prior"]) == pytest.approx(1, abs=1e-5)


def test_hardness_orders_samples(runs):
    run = read(runs[0])
    ranked = ranked_samples(run)
    assert sorted(one.sample for one in ranked) == sorted(run.of_task(ZSL())[0].samples)
    hardness = [one.hardness for one in ranked]
    assert hardness == sorted(hardness)
    right = [one.truth == one.predicted for one in ranked]
    third = len(right) // 3
    assert np.mean(right[:third]) > np.mean(right[-third:])


def test_paired_differences_against_scipy(runs):
    first, second = read(runs[0]), read(runs[1])
    (gap,) = differences([first, second])
    before, now = (run.result["T1"]["values"] for run in (first, second))
    test = ttest_rel(now, before)
    interval = test.confidence_interval(0.95)
    assert gap.mean == pytest.approx(np.mean(now) - np.mean(before))
    assert gap.p == pytest.approx(test.pvalue)
    assert (gap.low, gap.high) == pytest.approx((interval.low, interval.high))
    other = differences([read(runs[2]), second])[0]
    assert other.mean is None
    assert other.reason == "other data, features or splits"


def test_several_comparisons_are_corrected(runs):
    """By hand: with two tests the smaller p doubles, and the larger one is at least as large."""
    first, second = read(runs[0]), read(runs[1])
    (alone,) = differences([first, second])
    values = [value + gap for value, gap in zip(first.result["T1"]["values"], (1.0, 1.1), strict=True)]
    third = first._replace(name="third", result={**first.result, "T1": {**first.result["T1"], "values": values}})
    (small,) = differences([first, third])
    assert small.p is not None
    assert alone.p is not None
    assert small.p < alone.p
    both = differences([first, second, third])
    assert both[1].p == pytest.approx(2 * small.p)
    assert both[0].p == pytest.approx(max(alone.p, 2 * small.p))


def test_badges_say_what_the_number_is_of(runs):
    texts = [badge.text for badge in badges(read(runs[1]))]
    assert "1 epoch per round, fixed beforehand" in texts
    assert "unlabelled unseen pool" in texts
    assert "class prior estimated by 3C (edges)" in texts
    assert "no network made the features" in texts
    assert "2 rounds, samples selected by PNCFBS" in texts
    inductive = badges(read(runs[2]))
    assert any("chosen on validation classes" in badge.text for badge in inductive)
    assert any(badge.caution and "2 seeds" in badge.text for badge in inductive)


def test_the_page_needs_nothing_else(pages):
    """No address but those of XML's own names, no markup from data, and every figure as PNG and SVG."""
    for page in pages:
        text = page.read_text()
        assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", text)
        assert not re.findall(r"https?://(?!www\.w3\.org/)", text)
        assert "<script src" not in text
        names = re.findall(r'<figure id="([^"]+)"', text)
        folder = page.with_name(f"{page.stem}_figures")
        for name in names:
            assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
            ElementTree.parse(folder / f"{name}.svg")
    assert "validation classes: two of the 5 seen ones at random, fixed" in pages[1].read_text()
    for name in ("comparison", "run1-confusion", "run2-progress", "run1-hardest-easiest", "run1-features"):
        assert f'<figure id="{name}"' in pages[0].read_text()
    for name in ("choice", "seen-unseen-curve", "langevin", "latents", "class-accuracy", "class-share"):
        assert f'<figure id="{name}"' in pages[1].read_text()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(pages, browser, width, scheme, tmp_path):
    """No errors, nothing wider than the screen, text of a legible size and contrast, figures of some height."""
    for page in pages:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get(page.as_uri())
        assert browser.get_log("browser") == []
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        sizes = browser.execute_script(
            "return [...document.querySelectorAll('figure svg')].map(e => [e.getBoundingClientRect().width,"
            "e.getBoundingClientRect().height, e.querySelectorAll('path').length])"
        )
        assert len(sizes) >= 7
        assert all(300 < wide <= width and high > 100 and paths > 5 for wide, high, paths in sizes)
        texts = browser.execute_script(
            "return [...document.querySelectorAll('figure svg text')].map(e => e.getBoundingClientRect().height)"
        )
        assert np.percentile(texts, 5) > 8
        ink, ground = browser.execute_script(
            "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]"
        )
        light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink))
        assert (light > dark + 500) if scheme == "light" else (dark > light + 500)
        picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        assert len(base64.b64decode(picture["data"])) > 20_000


def test_tables_sort_and_marks_have_tooltips(pages, browser):
    browser.get(pages[1].as_uri())
    script = """
    const table = [...document.querySelectorAll('table')].find(t => t.caption.textContent.startsWith('Classes'));
    const column = [...table.tHead.rows[0].cells].findIndex(c => c.textContent.startsWith('accuracy'));
    table.tHead.rows[0].cells[column].querySelector('button').click();
    if (arguments[0]) table.tHead.rows[0].cells[column].querySelector('button').click();
    return [...table.tBodies[0].rows].map(r => Number(r.cells[column].textContent));
    """
    down = browser.execute_script(script, False)
    assert down == sorted(down, reverse=True)
    browser.get(pages[1].as_uri())
    assert browser.execute_script(script, True) == down[::-1]
    tips = browser.execute_script("return [...document.querySelectorAll('svg title')].map(e => e.textContent)")
    assert any(re.fullmatch(r"class \d: [\d.]+ %, \d+ samples", text) for text in tips)


def test_mistakes(runs, tmp_path, capsys):
    assert main(["report"]) == 2
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    (copy / "predictions" / "seed-1.npz").write_bytes(b"PK\x03\x04 foreign")
    assert main(["report", str(copy)]) == 2
    assert "not the predictions of a run" in " ".join(capsys.readouterr().err.split())


def test_without_the_data_the_page_says_what_is_missing(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs[2], copy)
    config = json.loads((copy / "config.json").read_text())
    config["data"]["hash"] = "another"
    (copy / "config.json").write_text(json.dumps(config))
    assert main(["report", str(copy), "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    assert "the data have changed" in text
    assert '<figure id="features"' not in text
    assert '<figure id="confusion"' in text


def test_images_without_semantics_or_unseen_classes(tmp_path, random):
    """A complete page of one seed: pictures of samples, no features of classes that nothing describes, no deviation."""
    labels = np.repeat(np.arange(3), 20)
    images = random.integers(0, 60, (60, 6, 6, 3), dtype=np.uint8)
    images[np.arange(60), :, :, labels] += 150
    order = random.permutation(60)
    np.savez(tmp_path / "a.npz", images=images, labels=labels, train=order[:40], test_seen=order[40:])
    method = ImageClassifier(SmallCNN((4,)))
    experiment = Experiment(Arrays(tmp_path / "a.npz"), method, Train(epochs=1), tasks=(Adaptation(),), seeds=1)
    run(experiment, tmp_path / "run", False, Console(quiet=True))
    text = write_report([tmp_path / "run"]).read_text()
    for name in ("progress", "class-accuracy", "class-share", "confusion", "hardest-easiest", "class-examples"):
        assert f'<figure id="{name}"' in text
    assert '<figure id="features"' not in text
    assert "±" not in text
    assert "no class semantics; 3 classes" in text
    assert "Confusion of classes" in text


def test_very_many_classes(tmp_path):
    """More than a confusion matrix has room for, and of each sample only the best columns."""
    source = LinearGaussian(classes=2100, unseen=1050, samples_per_class=2, features=8, semantics=4, latents=1)
    experiment = Experiment(source, ESZSL(), Train(epochs=1), seeds=1, top=(5,))
    run(experiment, tmp_path / "run", False, Console(quiet=True))
    artifacts = read(tmp_path / "run")
    assert class_metrics(artifacts.of_task(ZSL())).confusion is None
    assert len(class_table(artifacts)[1]) == 1000
    text = write_report([tmp_path / "run"]).read_text()
    assert "1000 classes" in text
    assert '<figure id="class-accuracy"' in text
    assert '<figure id="confusion"' not in text
