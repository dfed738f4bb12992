"""Strengths by Bradley and Terry: the likeliest, with intervals that hold what they promise."""

import numpy as np
import pytest
from scipy.special import expit

from egregora_dag import bradley_terry
from egregora_dag.bradley_terry import POINTS, Floats, Numbers, fit

NONE: Numbers = np.zeros(0, np.int64)


def judged(
    truth: Floats, per_post: int, seed: int, *, ties: float = 0.0
) -> tuple[Numbers, Numbers, Floats]:
    """Verdicts on random pairs of posts of known strength."""
    random = np.random.default_rng(seed)
    rows = len(truth) * per_post // 2
    a = random.integers(0, len(truth), rows)
    b = (a + random.integers(1, len(truth), rows)) % len(truth)
    score = (random.random(rows) < expit(truth[a] - truth[b])).astype(np.float64)
    return a, b, np.where(random.random(rows) < ties, 0.5, score)


def strengths_of(count: int, points: float, seed: int = 1) -> Floats:
    truth: Floats = np.random.default_rng(seed).normal(0, points / POINTS, count)
    centred: Floats = truth - truth.mean()
    return centred


def numbers(*values: int) -> Numbers:
    return np.array(values, np.int64)


def ones(count: int) -> Floats:
    return np.ones(count)


def test_the_fit_is_where_likelihood_and_prior_are_in_balance() -> None:
    truth = strengths_of(60, 200)
    a, b, score = judged(truth, 8, 2, ties=0.2)
    weight = np.random.default_rng(3).uniform(0.2, 3, len(a))
    found = fit(a, b, score, weight, 60).values
    surprise = weight * (score - expit(found[a] - found[b]))
    slope = np.bincount(a, surprise, 60) - np.bincount(b, surprise, 60)
    pull = slope @ found / (found @ found)
    assert pull > 0
    np.testing.assert_allclose(slope, pull * found, atol=1e-3)


@pytest.mark.parametrize("points", [100, 200, 350])
def test_intervals_hold_the_truth_about_as_often_as_they_say(points: float) -> None:
    held = []
    for seed in range(4):
        truth = strengths_of(250, points, seed)
        a, b, score = judged(truth, 10, seed)
        found = fit(a, b, score, ones(len(a)), 250)
        held.append(np.abs(found.values - truth) <= 1.96 * found.errors)
    assert 0.93 <= np.mean(held) <= 0.985


def test_more_verdicts_narrow_the_interval() -> None:
    truth = strengths_of(100, 200)
    few, many = (
        fit(a, b, score, ones(len(a)), 100).errors.mean()
        for a, b, score in (judged(truth, count, 5) for count in (4, 40))
    )
    assert many < few / 2


def test_a_post_that_always_won_is_strong_and_its_interval_finite() -> None:
    found = fit(numbers(0, 0, 0, 1), numbers(1, 2, 3, 2), ones(4), ones(4), 4)
    assert found.values.argmax() == 0
    assert np.isfinite(found.values).all()
    assert (found.errors > 0.5).all()
    assert (found.errors < 10).all()


def test_what_one_gains_the_other_loses_and_ties_make_equals() -> None:
    won = fit(numbers(0), numbers(1), ones(1), ones(1), 2)
    lost = fit(numbers(1), numbers(0), np.zeros(1), ones(1), 2)
    np.testing.assert_allclose(won.values, lost.values, atol=1e-6)
    np.testing.assert_allclose(won.values[0], -won.values[1], atol=1e-6)
    tied = fit(numbers(0, 1), numbers(1, 2), np.full(2, 0.5), ones(2), 3)
    np.testing.assert_allclose(tied.values, 0, atol=1e-6)
    assert tied.errors[1] < tied.errors[0]


def test_a_weight_counts_as_so_many_verdicts_and_order_does_not_matter() -> None:
    once = fit(numbers(0, 1), numbers(1, 2), ones(2), np.array([3.0, 1.0]), 3)
    thrice = fit(numbers(1, 0, 0, 0), numbers(2, 1, 1, 1), ones(4), ones(4), 3)
    np.testing.assert_allclose(once.values, thrice.values, atol=1e-4)
    np.testing.assert_allclose(once.errors, thrice.errors, rtol=1e-4)


def test_posts_that_nothing_connects_stay_in_the_middle_with_wide_intervals() -> None:
    found = fit(numbers(0, 2), numbers(1, 3), ones(2), ones(2), 5)
    np.testing.assert_allclose(found.values[[0, 1]], found.values[[2, 3]], atol=1e-6)
    assert found.values[4] == 0
    assert found.errors.argmax() == 4
    nothing = fit(NONE, NONE, np.zeros(0), np.zeros(0), 2)
    assert (nothing.errors * POINTS > 900).all()


def test_the_variances_of_many_posts_are_those_of_the_inverse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = strengths_of(400, 200)
    a, b, score = judged(truth, 8, 6, ties=0.1)
    exact = fit(a, b, score, ones(len(a)), 400)
    monkeypatch.setattr(bradley_terry, "_EXACT", 0)
    sampled, again = (fit(a, b, score, ones(len(a)), 400) for _ in range(2))
    ratio = sampled.errors / exact.errors
    assert abs(ratio.mean() - 1) < 0.01
    assert ratio.std() < 0.04
    np.testing.assert_array_equal(sampled.errors, again.errors)
