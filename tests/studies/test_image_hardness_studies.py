"""Studies of angular hardness on images: what trains and what does not, bins, regressions, and their tables."""

import io
from dataclasses import replace

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats
from scipy.ndimage import gaussian_filter

import jzsl.studies.domain_generalization as generalization
from jzsl.cli import main
from jzsl.data.digits_domains import DOMAINS, DigitsDomains
from jzsl.data.digits_images import DigitImages
from jzsl.data.per_class import PerClass
from jzsl.errors import InputError
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.losses import AVHLoss
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.splits import NONE, Splits
from jzsl.problem.transforms import Unscaled
from jzsl.studies.better_models import better_models, regression
from jzsl.studies.catalogue import study_named
from jzsl.studies.domain_generalization import domain_generalization, held_out, leave_one_out, variants
from jzsl.studies.hardness_correlation import hardness_correlation
from jzsl.studies.harness import Harness
from jzsl.studies.hypotheses import association, associations_answer
from jzsl.studies.image_dynamics import AGREEMENT, agreement, bins_of, image_dynamics
from jzsl.studies.study import StudySetup
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.optimizers.adam import Adam
from jzsl.verbs.study import StudyOptions, setup_of

SMALL = ImageClassifier(SmallCNN((8,)), optimizer=Adam(1e-2), batch_size=32)
LARGER = ImageClassifier(SmallCNN((8, 16)), optimizer=Adam(1e-2), batch_size=32)
DIGITS = PerClass(DigitImages(unseen=()), train=20, test=10).load()
OF_DOMAINS = PerClass(DigitsDomains(), train=24, test=8).load()


def setup_with(problem, bases, **changes):
    return StudySetup(problem, bases, **({"transform": Unscaled(), "epochs": 3, "seeds": 2} | changes))


def drawn(result):
    """The figure's axes."""
    figure = Figure()
    result.draw(figure)
    return figure.axes


@pytest.mark.parametrize("target", DOMAINS)
def test_a_domain_left_out_neither_trains_nor_chooses(target):
    """Every image of the target is a test sample; training and the choice of s have none of it."""
    assert OF_DOMAINS.domains is not None
    inside = OF_DOMAINS.domains == DOMAINS.index(target)
    problem = leave_one_out(OF_DOMAINS, target)
    used = np.union1d(OF_DOMAINS.splits.train, OF_DOMAINS.splits.test_seen)
    np.testing.assert_array_equal(problem.splits.test_seen, used[inside[used]])
    np.testing.assert_array_equal(problem.splits.train, np.setdiff1d(OF_DOMAINS.splits.train, np.flatnonzero(inside)))
    choice = held_out(problem).splits
    np.testing.assert_array_equal(np.union1d(choice.train, choice.test_seen), problem.splits.train)
    assert not len(np.intersect1d(choice.train, choice.test_seen))
    assert set(OF_DOMAINS.labels[choice.test_seen]) == set(range(10))


def test_a_class_that_no_source_has_leaves_the_domain():
    assert OF_DOMAINS.domains is not None
    train = OF_DOMAINS.splits.train
    kept = train[(OF_DOMAINS.domains[train] == 0) | (OF_DOMAINS.labels[train] != 3)]
    splits = Splits(kept, OF_DOMAINS.splits.test_seen, NONE, NONE, NONE)
    problem = leave_one_out(replace(OF_DOMAINS, splits=splits), DOMAINS[0])
    assert set(OF_DOMAINS.labels[problem.splits.test_seen]) == set(range(10)) - {3}


def test_generalization_is_blind_to_its_target(monkeypatch):
    """Other images of the target change neither s nor the models, whose predictions of the old ones stay."""
    monkeypatch.setattr(generalization, "SCALES", (4.0, 16.0))
    assert OF_DOMAINS.domains is not None
    inside = OF_DOMAINS.domains == 0
    noise = np.random.default_rng(0).integers(0, 256, OF_DOMAINS.samples.shape).astype(np.uint8)
    other = replace(OF_DOMAINS, samples=np.where(inside[:, None, None, None], noise, OF_DOMAINS.samples))
    setup = setup_with(OF_DOMAINS, {"small": SMALL}, seeds=1)
    programs = generalization._Programs(setup)
    harness = Harness(setup, SMALL, Adaptation(), problem=leave_one_out(OF_DOMAINS, DOMAINS[0]))
    seen = []
    for problem in (OF_DOMAINS, other):
        scale = generalization._scale(replace(setup, problem=problem), programs, SMALL, DOMAINS[0])
        of_problem = harness.on(leave_one_out(problem, DOMAINS[0]))
        seen.append((scale, of_problem.scores(of_problem.trained(0), x=OF_DOMAINS.samples[inside])))
    assert seen[0][0] == seen[1][0]
    np.testing.assert_array_equal(seen[0][1], seen[1][1])


def test_padding_changes_no_accuracy():
    """Padded to the capacity of the study, with absent samples, a domain gives the accuracy of its own problem."""
    setup = setup_with(OF_DOMAINS, {"small": SMALL})
    problem = leave_one_out(OF_DOMAINS, "noisy")
    alone = Harness(setup, SMALL, Adaptation(), problem=problem)
    computed = generalization._Programs(setup).accuracies(SMALL, problem, 1)
    absent = np.arange(len(OF_DOMAINS.splits.train)) >= len(alone.pool.w)
    repeated = jax.tree.map(lambda values: np.resize(values, (len(absent), *values.shape[1:])), alone.pool)
    padded = repeated._replace(w=np.where(absent, 0, repeated.w))
    assert computed == [alone.metrics(alone.trained(0, padded))["A"]]


def test_generalization_has_a_row_per_loss_and_domain(monkeypatch):
    monkeypatch.setattr(generalization, "SCALES", (4.0, 16.0))
    result = domain_generalization(setup_with(OF_DOMAINS, {"small": SMALL}, epochs=4))
    losses = ("softmax", "AVH", "softmax + colours", "AVH + colours")
    of = {(row["loss"], row["domain"]): row for row in result.rows}
    assert set(of) == {(loss, domain) for loss in losses for domain in (*DOMAINS, "mean")}
    for loss in losses:
        values = [[float(value) for value in of[loss, domain]["values"].split()] for domain in (*DOMAINS, "mean")]
        np.testing.assert_allclose(np.mean(values[:-1], 0), values[-1], atol=0.011)
    assert {of["AVH", domain]["scale"] for domain in DOMAINS} <= {4.0, 16.0}
    assert of["softmax", "clean"]["scale"] is None
    assert "Holm-corrected for" in result.answer
    assert "not at hand" in " ".join(result.notes)
    assert len(drawn(result)) == 1


def test_the_control_adds_colours_to_either_loss():
    made = variants(replace(SMALL, loss=AVHLoss(3)), 8.0, colours=True)
    assert [method.loss for method in made.values()] == [made["softmax"].loss, AVHLoss(8.0)] * 2
    assert made["AVH"].augment == SMALL.augment
    assert made["AVH + colours"].augment == made["softmax + colours"].augment != SMALL.augment


def test_maps_have_no_colours_to_change(monkeypatch):
    monkeypatch.setattr(generalization, "SCALES", (4.0,))
    maps = replace(OF_DOMAINS, samples=(OF_DOMAINS.samples / 255).astype(np.float16))
    result = domain_generalization(setup_with(maps, {"small": SMALL}, epochs=1, seeds=1))
    assert list(dict.fromkeys(row["loss"] for row in result.rows)) == ["softmax", "AVH"]
    assert "colours" not in " ".join((result.answer, *result.notes))
    assert len(drawn(result)) == 1


def test_what_cannot_be_left_out_is_refused():
    with pytest.raises(InputError, match="domains: none found, expected two or more"):
        domain_generalization(setup_with(DIGITS, {"small": SMALL}))
    with pytest.raises(InputError, match=r"base: eszsl \(ESZSL\) found, expected an ImageClassifier"):
        domain_generalization(setup_with(OF_DOMAINS, {"eszsl": ESZSL()}))
    with pytest.raises(InputError, match=r"base: eszsl \(ESZSL\) found, expected an ImageClassifier"):
        image_dynamics(setup_with(DIGITS, {"eszsl": ESZSL()}))
    with pytest.raises(InputError, match="base: 1 found, expected 2 or more"):
        better_models(setup_with(DIGITS, {"small": SMALL}))


def test_bins_hold_every_image_once_and_degraded_ones_by_level():
    x, label = DIGITS.samples[:60], np.arange(60, dtype=np.int32) % 10
    frequency = np.repeat([0.0, 0.2, 0.39, 0.8, 1.0], 12)
    binned = bins_of(x, label, frequency)
    agreed = [(each.name, each.samples) for each in binned.bins if each.by == AGREEMENT]
    assert agreed == [("0.0 to 0.2", 12), ("0.2 to 0.4", 24), ("0.8 to 1.0", 24)]
    assert len(binned.bins) == 3 + 4 * 6
    np.testing.assert_array_equal(binned.x[:60], x)
    blurred = next(n for n, each in enumerate(binned.bins) if (each.by, each.name) == ("blur", "0.6"))
    expected = gaussian_filter(x / 255.0, (0, 0.6, 0.6, 0), mode="reflect", truncate=9)
    np.testing.assert_allclose(binned.x[binned.group == blurred] / 255.0, expected, atol=0.5 / 255 + 1e-6)
    for number, each in enumerate(binned.bins):
        members = binned.group == number
        assert members.sum() == each.samples
        if each.name == "0":
            np.testing.assert_array_equal(binned.x[members], x)
            np.testing.assert_array_equal(binned.label[members], label)


def test_image_dynamics_end_where_training_does():
    """The last epoch's accuracy over the bins of agreement is that of the trained model."""
    setup = setup_with(DIGITS, {"small": SMALL}, seeds=1)
    result = image_dynamics(setup)
    rows = [row for row in result.rows if (row["epoch"], row["by"]) == (3, AGREEMENT)]
    harness = Harness(setup, SMALL, Adaptation())
    right = harness.scores(harness.trained(0)).argmax(1) == harness.truth
    assert sum(row["samples"] for row in rows) == len(right)
    total = sum(row["samples"] * row["accuracy"] for row in rows)
    assert total == pytest.approx(right.sum(), abs=1.5)  # fits of one epoch may round otherwise
    assert len({row["norm"] for row in result.rows if (row["epoch"], row["bin"]) == (3, "0")}) == 1
    assert "2 other models" in result.notes[0]
    assert "human" not in " ".join((result.answer, *result.notes))
    assert len(drawn(result)) == 8
    given, note = agreement(replace(setup, frequency=np.arange(len(DIGITS.labels))), {"small": harness})
    np.testing.assert_array_equal(given, harness.samples)
    assert "as measured" in note


def test_correlations_on_images_have_the_norm_within_classes():
    frequency = np.random.default_rng(1).uniform(size=len(DIGITS.labels))
    result = hardness_correlation(setup_with(DIGITS, {"small": SMALL}, seeds=3, frequency=frequency))
    assert [row["score"] for row in result.rows].count("norm in class") == 2
    assert "hypothesis 1" in result.answer
    assert "does NOT hold" in result.answer  # random numbers go with nothing
    assert any("kendall" in note and "95 %" in note for note in result.notes)


def test_hypotheses_by_planted_scores(random):
    """AVH and confidence that go with the frequency, and a norm that does not."""
    frequency = random.uniform(size=(2, 300))
    scores = {
        "AVH": -frequency + 0.1 * random.normal(size=(2, 300)),
        "confidence": -frequency + random.normal(size=(2, 300)),
        "norm": random.normal(size=(2, 300)),
    }
    computed = {name: association(score, frequency) for name, score in scores.items()}
    assert computed["AVH"].coefficient > 0.9
    ranks = (stats.rankdata(values, axis=1) for values in (scores["norm"], frequency))
    expected = np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(*ranks, strict=True)])
    assert computed["norm"].coefficient == pytest.approx(-expected)
    assert associations_answer({"base": computed}).count("holds here") == 3
    opposite = associations_answer({"base": computed | {"confidence": association(-scores["confidence"], frequency)}})
    assert "(hypothesis 2) does NOT hold here" in opposite
    opposite = associations_answer({"base": computed | {"AVH": association(-scores["AVH"], frequency)}})
    assert "(hypothesis 1) does NOT hold here" in opposite
    constant = associations_answer({"base": computed | {"norm": association(np.ones((2, 300)), frequency)}})
    assert "(hypothesis 4) is undefined here" in constant


def test_a_regression_is_statsmodels_by_hand():
    """Four networks: slope, interval and p by the formulas of least squares."""
    accuracy, avh = np.array([40.0, 50.0, 60.0, 80.0]), np.array([0.1, 0.09, 0.085, 0.06])
    computed = regression(accuracy, avh)
    x = accuracy / 10 - accuracy.mean() / 10
    slope = (x @ avh) / (x @ x)
    error = np.sqrt(((avh - avh.mean() - slope * x) ** 2).sum() / 2 / (x @ x))
    half = stats.t.ppf(0.975, 2) * error
    assert computed.slope == pytest.approx(slope)
    assert (computed.low, computed.high) == pytest.approx((slope - half, slope + half))
    assert computed.p == pytest.approx(2 * stats.t.sf(abs(slope / error), 2))
    assert computed.spearman == pytest.approx(-1)
    assert np.isnan(regression(accuracy, np.ones(4)).p)


def test_better_models_has_a_row_per_network():
    setup = setup_with(DIGITS, {"small": SMALL, "larger": LARGER}, epochs=6)
    result = better_models(setup)
    assert [(row["network"], row["epochs"]) for row in result.rows] == [
        ("small", 2), ("small", 6), ("larger", 2), ("larger", 6),
    ]  # fmt: skip
    harness = Harness(setup, LARGER, Adaptation())
    expected = np.mean([harness.metrics(harness.trained(seed))["A"] for seed in range(2)])
    assert result.rows[-1]["A"] == pytest.approx(expected, abs=0.01)
    assert "Over 4 networks" in result.answer
    assert len(drawn(result)) in (2, 3)


def test_votes_on_all_test_images_are_aligned_to_some_of_them(tmp_path):
    """Votes are a row for each test image of the file, of which a config takes two per class."""
    problem = DigitImages(unseen=()).load()
    chosen = np.concatenate([np.flatnonzero(problem.labels == digit)[:9] for digit in range(3)])
    order = np.random.default_rng(0).permutation(chosen)
    labels, files = problem.labels[order], []
    for pixels in problem.samples[order, ..., 0]:
        Image.fromarray(pixels).save(buffer := io.BytesIO(), "PNG")
        files.append(np.frombuffer(buffer.getvalue(), np.uint8))
    is_test = np.arange(27) % 2 == 0
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(tmp_path / "few.npz", jpeg=np.concatenate(files), offsets=offsets, labels=labels, is_test=is_test,
             class_names=["0", "1", "2"])  # fmt: skip
    votes = 10 * np.eye(3, dtype=int)[labels[is_test]] + np.arange(is_test.sum())[:, None] * [1, 0, 0] // 9
    np.save(tmp_path / "votes.npy", votes)
    config = tmp_path / "few.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.image_bytes import ImageBytes\n"
        "from jzsl.data.per_class import PerClass\nfrom jzsl.methods.image_classifier import ImageClassifier\n"
        "from jzsl.tasks.adaptation import Adaptation\n"
        "FEW = PerClass(ImageBytes(), train=2, test=2)\n"
        "CONFIG = Experiment(FEW, ImageClassifier(), Train(epochs=1), (Adaptation(),))\n"
    )
    options = StudyOptions("better-models", tmp_path, str(tmp_path / "few.npz"), config=config,
                           frequency=tmp_path / "votes.npy")  # fmt: skip
    setup = setup_of(options, study_named("better-models")[1], lambda text: None)
    samples = setup.problem.splits.test_seen
    assert len(samples) == 6
    assert setup.frequency is not None
    for sample in samples:
        row = votes[np.flatnonzero(is_test).tolist().index(sample)]
        assert setup.frequency[sample] == pytest.approx(row[labels[sample]] / row.sum())


def test_a_config_reads_and_a_base_is_named(tmp_path):
    """`--base` beside `--config`: the config's data and epochs, the base's method."""
    config = tmp_path / "few.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.digits_images import DigitImages\n"
        "from jzsl.methods.image_classifier import ImageClassifier\nfrom jzsl.tasks.adaptation import Adaptation\n"
        "CONFIG = Experiment(DigitImages(), ImageClassifier(), Train(epochs=2), (Adaptation(),))\n"
    )
    arguments = ["study", "better-models", "--data", "digits_images", "--config", str(config), "--seeds", "1"]
    assert main([*arguments, "--base", "cnn_narrow", "cnn", "--out", str(tmp_path / "out")]) == 0
    table = (tmp_path / "out" / "table.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in table[1:]] == [
        ["cnn_narrow", "1"], ["cnn_narrow", "2"], ["cnn", "1"], ["cnn", "2"],
    ]  # fmt: skip
    assert (tmp_path / "out" / "figure.png").stat().st_size > 10_000
