"""From the command line: runs whose unlabelled samples have no label anywhere."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from jzsl.cli import main
from jzsl.data.digits_images import DigitImages

CONFIG = """
from pathlib import Path

from jzsl.config import Experiment
from jzsl.data.class_count.silhouette import Silhouette
from jzsl.data.image_folder import ImageFolder
from jzsl.data.new_classes import NewClasses
from jzsl.methods.k_means import KMeans
from jzsl.tasks.old_held_out import OldHeldOut
from jzsl.tasks.unlabelled_pool import UnlabelledPool

CONFIG = Experiment(
    NewClasses(ImageFolder(Path("photos")), clusters="estimated", estimator=Silhouette(most=6)),
    KMeans(restarts=2),
    tasks=(UnlabelledPool(), OldHeldOut()),
    seeds=2,
)
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Digits 0 to 4 in class folders, 7 to 9 in the folder of unlabelled pictures."""
    folder = tmp_path_factory.mktemp("unlabelled")
    problem = DigitImages(unseen=()).load()
    for digit in (0, 1, 2, 3, 4, 7, 8, 9):
        where = folder / "photos" / (str(digit) if digit < 5 else "unlabelled")
        where.mkdir(parents=True, exist_ok=True)
        for index in np.flatnonzero(problem.labels == digit)[:15]:
            Image.fromarray(problem.samples[index, ..., 0]).save(where / f"{index}.png")
    (folder / "mine.py").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "mine.py"]) == 0
    return folder


def test_the_result_holds_what_is_known_and_no_score(workplace):
    result = json.loads((workplace / "runs" / "mine" / "result.json").read_text())
    clusters = result["clusters"]
    assert clusters["how"] == "estimated by Silhouette"
    assert clusters["classes"] is clusters["error"] is None
    for seed in range(2):
        sizes = clusters["sizes"][seed]
        assert list(sizes) == [f"new-{number}" for number in range(1, clusters["number"] + 1)]
        assert sum(sizes.values()) == 45
        assert result["largest_cluster_pool"]["values"][seed] == pytest.approx(100 * max(sizes.values()) / 45)
        assert -1 < clusters["silhouette"][seed] < 1
    assert result["ACC_old"]["mean"] > 50  # of five digits and the clusters
    assert not [name for name in result if name.startswith(("ACC_new", "ACC_all", "ACC_pool", "NMI", "ARI"))]


def test_the_number_of_classes_is_not_known_where_some_samples_have_no_label(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    assert main(["run", "mine.py", "--data.new", "4", "--seeds", "1", "--out", "runs/some"]) == 0
    clusters = json.loads((workplace / "runs" / "some" / "result.json").read_text())["clusters"]
    assert clusters["classes"] is clusters["error"] is None
    assert sum(clusters["sizes"][0].values()) > 45  # of digit 4, too


def test_the_report_shows_clusters_without_a_truth(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    assert main(["name", "runs/mine", "--classes", "new-1=seven"]) == 0
    assert main(["report", "runs/mine"]) == 0
    page = (workplace / "runs" / "mine" / "report.html").read_text()
    for name in ("clusters-sizes", "cluster-gallery", "cluster-neighbours"):
        assert f'id="{name}"' in page
    assert ">seven<" in page
    for word in ("clusters-confusion", "assigned to", "Frame: blue", "true class ("):
        assert word not in page


def test_predict_names_the_clusters(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    names = {"new-1": "seven"}
    assert main(["name", "runs/mine", "--classes", "new-1=seven"]) == 0
    assert main(["predict", "runs/mine", "photos/unlabelled", "--out", "clusters.csv"]) == 0
    with (workplace / "clusters.csv").open() as file:
        rows = list(csv.reader(file))
    sizes = json.loads((workplace / "runs" / "mine" / "result.json").read_text())["clusters"]["sizes"][0]
    column = rows[0].index("predicted") if "predicted" in rows[0] else 1
    predicted = [row[column] for row in rows[1:]]
    assert {names.get(name, name): size for name, size in sizes.items() if size} == {
        name: predicted.count(name) for name in set(predicted)
    }


def test_tasks_that_need_labels_name_those_that_do_not(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert main(["run", "mine.py", "--tasks", "Discovery", "--out", "runs/scored"]) == 2
    assert "without labels there is UnlabelledPool and OldHeldOut" in capsys.readouterr().err
    assert not (workplace / "runs" / "scored").exists()
    assert main(["run", "mine.py", "--data.clusters", "None", "--out", "runs/counted"]) == 2
    assert "clusters: None found, expected a number or estimated" in capsys.readouterr().err
