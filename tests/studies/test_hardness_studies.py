"""Studies of generalized settings, calibration, hardness and domains: parts against loops, and what they write."""

import csv
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.special import softmax
from scipy.stats import rankdata

import jzsl.studies.domain_adaptation as domain_adaptation_module
import jzsl.studies.generalized_settings as generalized_settings_module
import jzsl.studies.hardness_conditions as hardness_conditions_module
from jzsl.cli import main
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.sphere import overlap, two_on_a_sphere
from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive
from jzsl.hardness.angular import angles, avh
from jzsl.hardness.correlation import Difference
from jzsl.hardness.dynamics import dynamics
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.s2v import S2V
from jzsl.methods.supervised import Supervised
from jzsl.problem.transforms import MinMax, Unscaled
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.studies.domain_adaptation import domain_adaptation
from jzsl.studies.generalized_settings import generalized_settings, selections
from jzsl.studies.hardness_correlation import _Scored, hardness_correlation
from jzsl.studies.harness import Harness
from jzsl.studies.hypotheses import Lead, answer, lead
from jzsl.studies.seen_unseen_curve import seen_unseen_curve
from jzsl.studies.sphere_surface import sphere_surface
from jzsl.studies.study import StudySetup, write
from jzsl.studies.training_dynamics import recognition_frequency, training_dynamics
from jzsl.tasks.adaptation import Adaptation

SOURCE = LinearGaussian(classes=10, unseen=4, samples_per_class=25, features=8, semantics=4, latents=2)


def setup_with(problem=None, **changes):
    fields = {"bases": {"s2v": S2V(hidden=16, batch_size=32)}, "transform": MinMax(), "epochs": 3, "seeds": 3}
    fields["rounds"] = 2
    return StudySetup(SOURCE.load() if problem is None else problem, **(fields | changes))


def test_dynamics_are_the_loop_in_one_trace(problem, pool, classes, view, random):
    """The scan's numbers are those of one-epoch fits measured one after another; it is traced once."""
    method = Supervised(hidden=12, batch_size=16).build(Adaptation())
    test = Protocol(problem, view).samples(Adaptation())
    label = np.searchsorted(view.seen, problem.labels[Adaptation().queries(problem)]).astype(np.int32)
    group = random.integers(0, 3, len(label)).astype(np.int32)
    start, traces = method.init(jax.random.key(0), pool, classes), []
    run = dynamics(method, 4, 3, block=7)

    @jax.jit
    def counted(*arguments):
        traces.append(1)
        return run(*arguments)

    arguments = (jnp.array(test), jnp.array(label), jnp.array(group), jnp.array(view.seen))
    _, found = counted(start, pool, classes, *arguments)
    counted(start, pool, classes, *arguments)
    assert len(traces) == 1
    assert method.embedding is not None
    state = start
    for epoch in range(4):
        state, _ = method.fit(state, pool, classes, 1, 1)
        predictor = method.predictor(state, pool, classes, view.unseen)
        embedding = method.embedding(predictor, arguments[0], arguments[3])
        hard = np.asarray(avh(angles(embedding), arguments[1]))
        norm = np.linalg.norm(embedding.x, axis=1)
        logits = np.asarray(method.logits(predictor, arguments[0], arguments[3]))
        right = logits.argmax(1) == label
        confidence = softmax(logits, axis=1)[np.arange(len(label)), label]
        for bin_ in range(3):
            rows = group == bin_
            expected = [
                statistic
                for values in (norm, hard, confidence)
                for statistic in (values[rows].mean(), values[rows].std())
            ]
            expected.append(right[rows].mean())
            np.testing.assert_allclose([values[epoch, bin_] for values in found], expected, rtol=1e-3, atol=1e-5)


def test_overlap_is_the_share_of_the_rarer_class():
    """On a million points: where the closed form says 0.2 to 0.3, a quarter of the points are of the other class."""
    x, y = two_on_a_sphere(400_000, 1.0, 0.5, seed=0)
    found = overlap(x, 1.0, 0.5)
    predicted = (x[:, 1] < 0).astype(int)  # the nearer mean
    for low, high in ((0.0, 0.05), (0.2, 0.3), (0.4, 0.5)):
        rows = (found >= low) & (found < high)
        assert np.mean(predicted[rows] != y[rows]) == pytest.approx(found[rows].mean(), abs=0.01)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-5)


def test_sphere_finds_the_overlap_by_angle():
    found = sphere_surface(setup_with(bases={"supervised": Supervised(hidden=32)}, epochs=5, seeds=2))
    by_score = {row["score"]: row["spearman"] for row in found.rows}
    assert by_score["AVH"] > 0.8
    assert by_score["AVH"] > by_score["norm"]


def test_frequency_is_given_or_measured_by_models(problem):
    frequency, note = recognition_frequency(setup_with(problem, epochs=300))
    assert "random half" in note
    assert 0.3 < frequency.mean() <= 1
    given = np.linspace(0, 1, len(problem.labels))
    frequency, note = recognition_frequency(setup_with(problem, frequency=given))
    assert "as measured" in note
    np.testing.assert_array_equal(frequency, given[Adaptation().queries(problem)])
    bins = training_dynamics(setup_with(problem, bases={"supervised": Supervised(8)}, frequency=given, seeds=2))
    assert {row["frequency"] for row in bins.rows} <= {
        "0.0 to 0.2",
        "0.2 to 0.4",
        "0.4 to 0.6",
        "0.6 to 0.8",
        "0.8 to 1.0",
    }
    assert len(bins.rows) == 3 * len({row["frequency"] for row in bins.rows})
    with pytest.raises(InputError, match="expected a supervised method"):
        training_dynamics(setup_with(problem))


@pytest.mark.parametrize(("epochs", "undefined"), [(1, 2), (2, 0)])
def test_observations_of_one_bin_or_one_epoch_are_undefined(problem, epochs, undefined):
    """No sample is easier than another one where all are recognised equally often."""
    bases, count = {"supervised": Supervised(8)}, len(problem.labels)
    setup = setup_with(problem, bases=bases, epochs=epochs, seeds=1)
    one_bin = training_dynamics(replace(setup, frequency=np.full(count, 0.9)))
    assert one_bin.answer.count("is undefined here") == 3
    two_bins = training_dynamics(replace(setup, frequency=np.resize([0.1, 0.9], count)))
    assert two_bins.answer.count("is undefined here") == undefined


def test_hardness_correlations_see_a_planted_frequency():
    """Rows whose frequency is their closeness to the class: AVH agrees with it, and less so with noise."""
    problem = replace(SOURCE, samples_per_class=80).load()
    base = {"supervised": Supervised(hidden=None, batch_size=16, learning_rate=1e-2)}
    view = inductive(problem)
    method = base["supervised"].build(Adaptation())
    state, _ = method.fit(method.init(jax.random.key(0), view.pool, view.classes), view.pool, view.classes, 60, 60)
    rows = Adaptation().queries(problem)
    x = Protocol(problem, view).samples(Adaptation())
    assert method.embedding is not None
    embedding = method.embedding(method.predictor(state, view.pool, view.classes, view.unseen), x, view.seen)
    label = np.searchsorted(view.seen, problem.labels[rows]).astype(np.int32)
    hard = np.asarray(avh(angles(embedding), jnp.array(label)))
    planted = np.zeros(len(problem.labels))
    planted[rows] = 1 - np.argsort(np.argsort(hard)) / len(hard)
    found = hardness_correlation(setup_with(problem, bases=base, epochs=60, frequency=planted))
    of = {(row["class"], row["score"]): row for row in found.rows}
    assert of["true", "avh"]["spearman"] < -0.8
    assert of["true", "avh"]["0.0 to 0.2"] is not None
    assert abs(of["true", "norm"]["spearman"]) < 0.6
    assert of["predicted", "avh"]["error"] > 0
    noise = hardness_correlation(
        setup_with(problem, bases=base, epochs=60, frequency=np.random.default_rng(0).uniform(size=len(problem.labels)))
    )
    assert all(abs(row["spearman"]) < 0.4 for row in noise.rows)
    with pytest.raises(InputError, match="seeds: 2"):
        hardness_correlation(setup_with(problem, seeds=2))


def test_the_headline_leaves_each_seed_s_own_errors_out(problem):
    """Models of which one alone errs: its score is compared with the others' frequency, which is constant."""
    base = {"supervised": Supervised(hidden=None, batch_size=16, learning_rate=1e-2)}
    scored = _Scored(setup_with(problem, bases=base), "supervised")
    scored.wrong = np.zeros_like(scored.wrong)
    scored.wrong[0, ::2] = 1
    frequency = scored.frequency
    np.testing.assert_array_equal(frequency[0], 1)
    np.testing.assert_array_equal(frequency[1:, ::2], 0.5)
    row = scored.row("true", "avh")
    assert row["error"] is not None
    scored.wrong[:] = 0
    assert scored.row("true", "avh")["spearman"] is None


def test_a_model_without_errors_makes_the_answer_undefined(problem, tmp_path):
    """Every frequency is 1: no correlation, no verdict, and a figure all the same."""
    base = {"supervised": Supervised(hidden=None, batch_size=16)}
    constant = setup_with(problem, bases=base, frequency=np.ones(len(problem.labels)))
    result = hardness_correlation(constant)
    assert "is undefined here" in result.answer
    assert all(row["spearman"] is None for row in result.rows)
    write("Which?", result, tmp_path / "out", {})
    assert (tmp_path / "out" / "figure.svg").is_file()
    for row in result.rows:
        row["error"] = None  # as of a model that makes no error
    write("Which?", result, tmp_path / "again", {})


def test_p_values_of_the_bases_are_corrected_for_their_number():
    """Holm's method makes 0.04 of both 0.03 and 0.02, and 0.06 of 0.03 and 0.04; undefined ones do not count."""

    def with_p(*p_values):
        """Leads of 2 or more standard errors with these probabilities; NaN: undefined."""
        return {
            f"base {number}": Lead(0.5, 0.4, Difference(2.2, p), Difference(1, 0.3), None if np.isnan(p) else (0, 0.2))
            for number, p in enumerate(p_values)
        }

    held = answer(with_p(0.03, 0.02))
    assert "holds here" in held
    assert held.count("p = 0.04, Holm-corrected for 2 bases") == 2
    not_held = answer(with_p(0.03, 0.04))
    assert "does NOT hold here" in not_held
    assert not_held.count("p = 0.06, Holm-corrected for 2 bases") == 2
    alone = answer(with_p(0.03, np.nan))
    assert "is undefined here" in alone
    assert "p = 0.03;" in alone
    assert "corrected" not in alone
    assert "holds here" in answer(with_p(0.03))
    behind = with_p(0.001)
    behind["base 1"] = behind["base 0"]._replace(test=Difference(-3, 0.003))
    assert "does NOT hold here" in answer(behind)


def test_the_lead_of_a_base_is_the_test_on_its_means_over_seeds(random):
    """Two seeds whose coefficients and test come from SciPy's ranks and the formula of Meng, Rosenthal and Rubin."""
    frequency = random.normal(size=(2, 60))
    avh, confidence = (-frequency + noise * random.normal(size=(2, 60)) for noise in (0.4, 1.5))
    found = lead(avh, confidence, frequency)

    def spearman(a, b):
        ranks = rankdata(a, axis=1), rankdata(b, axis=1)
        return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(*ranks, strict=True)])

    r, between = [-spearman(of, frequency) for of in (avh, confidence)], spearman(avh, confidence)
    square = (r[0] ** 2 + r[1] ** 2) / 2
    h = (1 - (1 - between) / (2 * (1 - square)) * square) / (1 - square)
    z = (np.arctanh(r[0]) - np.arctanh(r[1])) * np.sqrt(57 / (2 * (1 - between) * h * (1 + square / 2)))
    assert (found.avh, found.confidence) == pytest.approx(r)
    assert found.test.z == pytest.approx(z)
    assert found.interval is not None
    assert found.interval[0] < r[0] - r[1] < found.interval[1]
    assert lead(avh, np.ones((2, 60)), frequency).interval is None


def test_settings_table_has_every_selection_in_both_settings(monkeypatch):
    def few(*arguments, **settings):
        every = selections(*arguments, **settings)
        return {name: every[name] for name in ("none (base)", "RS", "CFBS", "CFBS-AVC")}

    monkeypatch.setattr(generalized_settings_module, "selections", few)
    found = generalized_settings(setup_with(seeds=2, epochs=2))
    names = set(few(2, 0.5, strict=False))
    for group in ("separate pool", "strict"):
        assert {row["selection"] for row in found.rows if row["setting"] == group} == names
    for row in found.rows:
        assert (row["T1"] is None) == (row["setting"] != "separate pool")
        assert row["H"] <= max(row["U"], row["S"]) + 1e-6
        assert row["H"] <= row["H_group_known"] + 1e-6
    uncalibrated, better = (row for row in found.rows if row["setting"] == "inductive")
    assert better["AUSUC"] == uncalibrated["AUSUC"]
    curve = seen_unseen_curve(setup_with(seeds=2, epochs=2))
    assert [row["scores"] for row in curve.rows] == ["uncalibrated", "calibrated"]
    assert curve.rows[1]["H"] == pytest.approx(better["H"])


def test_domain_adaptation_table(monkeypatch):
    few = ("RS", "CBST", "CBST+AVH", "CRST")
    variants = {name: domain_adaptation_module._VARIANTS[name] for name in few}
    monkeypatch.setattr(domain_adaptation_module, "_VARIANTS", variants)
    base = {"supervised": Supervised(hidden=32)}
    found = domain_adaptation(setup_with(DigitsShift().load(), bases=base, transform=Unscaled(), epochs=8, seeds=2))
    rows = {row["selection"]: row for row in found.rows}
    assert len({row["source only"] for row in found.rows}) == 1
    assert rows["CBST"]["right labels"] > rows["RS"]["right labels"]
    assert rows["CBST"]["confidence"] > rows["RS"]["confidence"]
    assert rows["CBST+AVH"]["AVH"] <= rows["RS"]["AVH"]
    with pytest.raises(InputError, match="expected none"):
        domain_adaptation(setup_with())


def test_studies_on_the_command_line(tmp_path, capsys):
    frequency = tmp_path / "f.npy"
    np.save(frequency, np.random.default_rng(0).uniform(size=1797))
    arguments = ["--epochs", "2", "--seeds", "3", "--transform", "Unscaled"]
    out = tmp_path / "correlation"
    assert main(["study", "hardness-correlation", "--base", "s2v", "--frequency", str(frequency), "--out", str(out),
                 *arguments]) == 0  # fmt: skip
    header = json.loads((out / "table.json").read_text())
    assert header["study"] == "hardness_correlation"
    with (out / "table.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 14
    assert (out / "figure.png").stat().st_size > 10_000
    assert main(["study", "sphere-surface", "--out", str(tmp_path / "sphere"), *arguments]) == 0
    capsys.readouterr()
    np.save(frequency, np.ones(5))
    assert main(["study", "hardness-correlation", "--frequency", str(frequency), "--out", str(tmp_path / "x")]) == 2
    assert "expected a .npy file of 1797 numbers from 0 to 1" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_hardness_conditions_compares_selections_draw_by_draw(monkeypatch):
    """Every variant sees the same draws; the table's gains and its p are those of the values."""
    problem = LinearGaussian(classes=12, unseen=2, samples_per_class=20, features=8, semantics=4, latents=2).load()
    some = {"base": STHS(0), "RS": STHS(2, RandomSampling()), "confidence": STHS(2, TopConfidence())}
    some |= {f"CFBS {share}": STHS(2, CFBS(share)) for share in (0.3, 0.5, 0.8)} | {
        "confidence on mass, averaged": STHS(0)
    }
    monkeypatch.setattr(hardness_conditions_module, "_variants", lambda rounds, prior: some)
    steps = []
    setup = setup_with(problem, bases={"eszsl": ESZSL()}, epochs=1, progress=steps.append)
    result = hardness_conditions_module.hardness_conditions(setup)
    assert len(steps) == 3 * len(some)
    table = {row["group"]: [float(value) for value in row["values"].split()] for row in result.rows}
    harness = Harness(setup, ESZSL(), unlabelled=True)
    for number, draw in enumerate(problem.validation_draws(3)):
        alone = harness.on(draw)
        scores = alone.scores(alone.trained(number))
        assert table["base"][number] == pytest.approx(alone.t1(scores.argmax(1)), abs=0.01)
    assert table["confidence on mass, averaged"] == table["base"]
    for row in result.rows:
        values = table[row["group"]]
        assert row["gain"] == pytest.approx(np.mean(values) - np.mean(table["base"]), abs=0.02)
        assert (row["p"] == "") == (row["group"] in ("base", "RS") or np.ptp(np.subtract(values, table["RS"])) == 0)
    assert "base of" in result.answer
    assert "over 3 draws" in result.answer
    assert "seeds" not in result.answer
    figure = Figure()
    result.draw(figure)
    assert len(figure.axes) == 1
