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
        *metrics.accuracy_interval(empty, empty),
    ]
    assert all(math.isnan(value) for value in values)


@pytest.mark.parametrize("wrong", [-1, 8])
def test_confusion_matrix_refuses_classes_it_has_no_room_for(wrong):
    with pytest.raises(ValueError, match=r"0\.\.7"):
        metrics.confusion_matrix(np.array([0, wrong]), np.array([0, 1]), 8)


def test_a_class_that_only_the_prediction_names_pulls_macro_f1_down():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert metrics.macro_f1(truth, predicted, 8) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_interval_is_the_bootstraps():
    rng = np.random.default_rng(5)
    truth = np.zeros(400, dtype=np.int64)
    predicted = (rng.random(400) < 0.25).astype(np.int64)
    resampled = (truth == predicted)[rng.integers(0, 400, (10_000, 400))].mean(axis=1)
    low, high = metrics.accuracy_interval(truth, predicted)
    assert (low, high) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=0.004)
    assert low < metrics.accuracy(truth, predicted) < high
    assert metrics.accuracy_interval(truth, predicted) == (low, high)


def test_interval_of_a_perfect_result_is_a_point():
    assert metrics.accuracy_interval(np.arange(5), np.arange(5)) == (1.0, 1.0)


def test_softmax_of_large_logits():
    probabilities = metrics.softmax(np.array([[1000.0, 1000.0, -1000.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(probabilities, [[0.5, 0.5, 0.0], [1 / 3] * 3])
