from __future__ import annotations

import math

import numpy as np
import pytest

from edge import metrics


@pytest.fixture(params=[0, 1, 2])
def classified(request):
    rng = np.random.default_rng(request.param)
    truth = rng.integers(0, 6, 200)  # classes 6 and 7 never occur
    predicted = np.where(rng.random(200) < 0.6, truth, rng.integers(0, 7, 200))
    return truth, predicted


@pytest.fixture(params=[0, 1, 2])
def measured(request):
    rng = np.random.default_rng(request.param)
    truth = rng.uniform(-1, 1, 300)
    return truth, 0.5 * truth + rng.normal(0.1, 0.2, 300)


def test_classification_figures_are_scikit_learns(classified):
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, predicted = classified
    assert metrics.accuracy(truth, predicted) == pytest.approx(sklearn.accuracy_score(truth, predicted))
    assert metrics.macro_f1(truth, predicted, 8) == pytest.approx(sklearn.f1_score(truth, predicted, average="macro"))
    expected = sklearn.confusion_matrix(truth, predicted, labels=range(8))
    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predicted, 8), expected)
    f1 = sklearn.f1_score(truth, predicted, labels=range(8), average=None, zero_division=0)
    np.testing.assert_allclose(metrics.f1_per_class(truth, predicted, 8), f1)
    recall = sklearn.recall_score(truth, predicted, labels=range(8), average=None, zero_division=np.nan)
    np.testing.assert_allclose(metrics.recall_per_class(truth, predicted, 8), recall)
    precision = sklearn.precision_score(truth, predicted, labels=range(8), average=None, zero_division=np.nan)
    np.testing.assert_allclose(metrics.precision_per_class(truth, predicted, 8), precision)
    balanced = np.nanmean(recall)  # balanced_accuracy_score is this, and warns of classes that only are predicted
    assert metrics.balanced_accuracy(truth, predicted, 8) == pytest.approx(balanced)


def test_regression_figures_are_scikit_learns(measured):
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, predicted = measured
    assert metrics.mse(truth, predicted) == pytest.approx(sklearn.mean_squared_error(truth, predicted))
    assert metrics.rmse(truth, predicted) == pytest.approx(math.sqrt(sklearn.mean_squared_error(truth, predicted)))
    assert metrics.mae(truth, predicted) == pytest.approx(sklearn.mean_absolute_error(truth, predicted))
    assert metrics.pearson(truth, predicted) == pytest.approx(np.corrcoef(truth, predicted)[0, 1])


def test_figures_are_torchmetrics(classified, measured):
    torch = pytest.importorskip("torch")
    from edge.engines.torchvision_compat import import_torchvision

    import_torchvision()  # torchmetrics looks for it
    functional = pytest.importorskip("torchmetrics.functional")
    truth, predicted = (torch.from_numpy(side) for side in classified)
    classes = metrics.macro_f1(*classified, 8)
    assert classes == pytest.approx(
        float(functional.classification.multiclass_f1_score(predicted, truth, 8, average="macro")), abs=1e-6
    )
    x, y = (torch.from_numpy(side) for side in measured)
    assert metrics.pearson(*measured) == pytest.approx(float(functional.pearson_corrcoef(y, x)), abs=1e-9)
    # Lin's population moments against torchmetrics' sample moments: they differ by a term of order 1 / N.
    assert metrics.ccc(*measured) == pytest.approx(float(functional.concordance_corrcoef(y, x)), abs=1e-3)


@pytest.fixture(params=[0, 1, 2])
def sure(request):
    """Labels and logits of a network that is too sure of itself."""
    rng = np.random.default_rng(request.param)
    truth = rng.integers(0, 8, 500)
    return truth, 5 * (0.5 * np.eye(8)[truth] + rng.normal(0, 0.4, (500, 8)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_likelihood_is_scikit_learns(sure, temperature):
    sklearn = pytest.importorskip("sklearn.metrics")
    special = pytest.importorskip("scipy.special")
    truth, logits = sure
    probabilities = metrics.softmax(logits, temperature)
    np.testing.assert_allclose(probabilities, special.softmax(logits / temperature, axis=1))
    expected = sklearn.log_loss(truth, probabilities, labels=range(8))
    assert metrics.nll(truth, logits, temperature) == pytest.approx(expected)


@pytest.mark.parametrize("bins", [10, 15])
def test_calibration_error_is_torchmetrics(sure, bins):
    torch = pytest.importorskip("torch")
    from edge.engines.torchvision_compat import import_torchvision

    import_torchvision()
    functional = pytest.importorskip("torchmetrics.functional.classification")
    truth, logits = sure
    probabilities = metrics.softmax(logits)
    found = metrics.ece(truth == logits.argmax(axis=1), probabilities.max(axis=1), bins)
    both = torch.from_numpy(probabilities), torch.from_numpy(truth)
    assert found > 0.1
    assert found == pytest.approx(float(functional.multiclass_calibration_error(*both, 8, n_bins=bins)), abs=1e-6)


def test_reliability_by_hand():
    confidence = np.array([0.2, 0.2, 0.5, 0.9, 1.0, 0.0])
    hit = np.array([True, False, True, True, True, False])
    found = metrics.reliability(hit, confidence, 5)  # the upper end of a bin belongs to it
    assert found.count.tolist() == [3, 0, 1, 0, 2]
    np.testing.assert_allclose(found.confidence, [0.4 / 3, np.nan, 0.5, np.nan, 0.95])
    np.testing.assert_allclose(found.accuracy, [1 / 3, np.nan, 1, np.nan, 1])
    assert metrics.ece(hit, confidence, 5) == pytest.approx((3 * 0.2 + 0.5 + 2 * 0.05) / 6)


def test_likelihood_of_what_is_surely_wrong_is_no_infinity():
    assert metrics.nll(np.array([0]), np.array([[-2000.0, 2000.0]])) == 4000.0


@pytest.mark.parametrize(
    "name", ["accuracy", "macro_f1", "balanced_accuracy", "recall_per_class", "precision_per_class"]
)
def test_rows_of_labels_are_measured_one_by_one(name):
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(0, 3, (2, 6, 12))
    truth[0] = 1  # a single class
    figure = getattr(metrics, name)
    more = () if name == "accuracy" else (4,)
    one_by_one = [figure(t, p, *more) for t, p in zip(truth, predicted, strict=True)]
    np.testing.assert_allclose(figure(truth, predicted, *more), one_by_one)


@pytest.mark.parametrize("name", ["mse", "mae", "rmse", "ccc", "pearson"])
def test_rows_of_numbers_are_measured_one_by_one(name):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 5, 9))
    x[1], y[2] = 0.1, 0.7
    x[3] = y[3] = 0.3
    figure = getattr(metrics, name)
    np.testing.assert_allclose(figure(x, y), [figure(a, b) for a, b in zip(x, y, strict=True)])


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -1.0),
        # cov = var = 2/3, means 1 apart: (4/3) / (4/3 + 1)
        ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], 4 / 7),
        # cov 4/3, variances 2/3 and 8/3, means 2 apart: (8/3) / (10/3 + 4)
        ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], 4 / 11),
        ([0.1] * 7, [0.3] * 7, 0.0),
        ([0.5], [0.25], 0.0),
        ([0.1] * 7, [0.1] * 7, math.nan),
        ([], [], math.nan),
    ],
)
def test_ccc_by_hand(truth, predicted, expected):
    assert metrics.ccc(np.array(truth), np.array(predicted)) == pytest.approx(expected, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], 1.0),
        ([1.0, 2.0, 3.0], [3.0, 3.0, 2.0], -math.sqrt(3) / 2),
        ([0.1] * 10, list(range(10)), math.nan),  # the mean of ten times 0.1 is not 0.1
        (list(range(10)), [0.7] * 10, math.nan),
        ([0.5], [0.5], math.nan),
        ([], [], math.nan),
    ],
)
def test_pearson_by_hand(truth, predicted, expected):
    assert metrics.pearson(np.array(truth), np.array(predicted)) == pytest.approx(expected, nan_ok=True)


def test_low_precision_input_is_computed_in_double():
    truth = np.linspace(-1, 1, 5000, dtype=np.float16)
    assert metrics.mse(truth, truth + np.float16(0)) == 0.0
    assert metrics.ccc(truth.astype(np.float32), truth.astype(np.float32)) == pytest.approx(1.0, abs=1e-12)


def test_nothing_measured_is_nan_not_zero():
    empty = np.array([], dtype=np.int64)
    values = [
        metrics.accuracy(empty, empty),
        metrics.macro_f1(empty, empty, 8),
        metrics.mse(empty, empty),
        metrics.rmse(empty, empty),
        metrics.mae(empty, empty),
        metrics.percentile(empty, 50),
        metrics.balanced_accuracy(empty, empty, 8),
        metrics.nll(empty, np.zeros((0, 8))),
        metrics.ece(empty == 0, np.zeros(0)),
        *metrics.bootstrap(lambda a, b: [metrics.accuracy(a, b)], empty, empty)[0],
    ]
    assert all(math.isnan(value) for value in values)


@pytest.mark.parametrize("wrong", [-1, 8])
def test_confusion_matrix_refuses_classes_it_has_no_room_for(wrong):
    with pytest.raises(ValueError, match=r"0\.\.7"):
        metrics.confusion_matrix(np.array([0, wrong]), np.array([0, 1]), 8)


def test_a_class_that_only_the_prediction_names_pulls_macro_f1_down():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert metrics.macro_f1(truth, predicted, 8) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_interval_of_an_accuracy_is_the_binomials():
    stats = pytest.importorskip("scipy.stats")
    predicted = (np.random.default_rng(5).random(400) < 0.25).astype(np.int64)
    truth = np.zeros(400, dtype=np.int64)

    def figures(a, b):
        return [metrics.accuracy(a, b)]

    [(low, high)] = metrics.bootstrap(figures, truth, predicted)
    share = metrics.accuracy(truth, predicted)
    assert (low, high) == pytest.approx(tuple(stats.binom(400, share).ppf([0.025, 0.975]) / 400), abs=0.006)
    assert metrics.bootstrap(figures, truth, predicted) == [(low, high)]


def test_intervals_are_scipys(measured):
    stats = pytest.importorskip("scipy.stats")
    names = ("rmse", "ccc")
    found = metrics.bootstrap(lambda x, y: [getattr(metrics, name)(x, y) for name in names], *measured)
    for name, interval in zip(names, found, strict=True):
        figure = getattr(metrics, name)
        options = {"paired": True, "vectorized": True, "n_resamples": 2000, "method": "percentile", "rng": 1}
        expected = stats.bootstrap(measured, lambda x, y, axis, f=figure: f(x, y), **options).confidence_interval
        width = expected.high - expected.low
        assert interval == pytest.approx((expected.low, expected.high), abs=0.12 * width)


def test_resamples_without_a_figure_do_not_count():
    x, y = np.array([0.1, 0.1, 0.9]), np.array([0.2, 0.3, 0.8])  # one resample in nine is constant
    [(low, high)] = metrics.bootstrap(lambda a, b: [metrics.pearson(a, b)], x, y)
    assert -1 <= low <= metrics.pearson(x, y) <= high <= 1
    [ends] = metrics.bootstrap(lambda a, b: [metrics.pearson(a, b)], np.zeros(5), np.arange(5.0))
    assert all(math.isnan(end) for end in ends)


def test_interval_of_a_perfect_result_is_a_point():
    classes = np.arange(5)
    found = metrics.bootstrap(lambda t, p: [metrics.accuracy(t, p), metrics.macro_f1(t, p, 5)], classes, classes)
    assert found == [(1.0, 1.0), (1.0, 1.0)]


def test_softmax_of_large_logits():
    probabilities = metrics.softmax(np.array([[1000.0, 1000.0, -1000.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(probabilities, [[0.5, 0.5, 0.0], [1 / 3] * 3])
