"""Passes over the rows of l_p regression against plain NumPy, for numbers of columns around the kernels' tiles."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.sampling import _lp_kernels as kernels
from sparsesci.sampling import _quantile_kernels as quantile_kernels

SIZES = [(1, 1), (2, 7), (3, 129), (4, 1000), (5, 4097), (8, 300), (13, 5000), (65, 200)]


@pytest.fixture(params=SIZES, ids=str)
def problem(request):
    d, n = request.param
    rng = np.random.default_rng(d)
    return rng.standard_normal((d, n)), rng.random(n) + 0.1, rng.standard_normal(n), rng.standard_normal(d)


def test_products(problem):
    columns, weights, values, coef = problem
    d, n = columns.shape
    gram, moment, out = np.empty((d, d)), np.empty(d), np.empty(n)
    kernels.weighted_gram(columns, weights, values, gram, moment, 1)
    assert_allclose(np.tril(gram), np.tril((columns * weights) @ columns.T), rtol=1e-12, atol=1e-11)
    assert_allclose(moment, columns @ values, rtol=1e-12, atol=1e-11)
    kernels.moments(columns, values, moment, 1)
    assert_allclose(moment, columns @ values, rtol=1e-12, atol=1e-11)
    kernels.multiply(columns, coef, out, 1)
    assert_allclose(out, coef @ columns, rtol=1e-12, atol=1e-12)
    matrix = np.random.default_rng(0).standard_normal((d, d))
    kernels.squared_norms(columns, matrix, out, 1)
    assert_allclose(out, ((matrix @ columns) ** 2).sum(axis=0), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_columns_from_rows(dtype, order):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((5000, 6)), dtype=dtype, order=order)
    centre, scale, share = rng.standard_normal(6), rng.random(5000), rng.random(5000)
    columns, squares = np.empty((6, 5000)), np.empty(6)
    kernels.centre_columns(X, centre, scale, share, columns, squares, 1)
    centred = X.astype(np.float64) - centre
    assert_allclose(columns, (centred * scale[:, np.newaxis]).T, rtol=1e-14)
    assert_allclose(squares, share @ centred**2, rtol=1e-12)
    kernels.scale_columns(columns, np.arange(6.0), 1)
    assert_allclose(columns, (centred * scale[:, np.newaxis] * np.arange(6.0)).T, rtol=1e-14)


def test_one_iteration_of_the_interior_point(problem):
    """The three passes, line by line as in the oracle."""
    columns, _, target, coef = problem
    residual = target - coef @ columns
    d, n = columns.shape
    tau, mu = 0.3, 0.7
    state = np.empty((9, n))
    quantile_kernels.start_state(residual, tau, mu, state, 1)
    x, s, z, w = state[:4].copy()
    assert_allclose(x + s, 1, rtol=1e-15)
    assert_allclose(w - z, residual, rtol=1e-11, atol=1e-14)
    assert_allclose(z * x, mu * (1 - tau), rtol=1e-10)
    assert_allclose(w * s, mu * tau, rtol=1e-10)

    gram, moment = np.empty((d, d)), np.empty(d)
    sums = quantile_kernels.update_and_gram(columns, target, coef, state, 0.0, 0.0, gram, moment, 1)
    q = 1 / (z / x + w / s)
    H = columns @ (q[:, np.newaxis] * columns.T)
    assert_allclose(sums[:3], [x @ z + s @ w, w.sum(), z.sum()], rtol=1e-12)
    assert sums[3] < 1e-11 * n
    assert_allclose(state[8], residual, rtol=1e-11, atol=1e-13)
    assert_allclose(np.tril(gram), np.tril(H), rtol=1e-11, atol=1e-11)
    assert_allclose(moment, columns @ (q * (w - z)), rtol=1e-10, atol=1e-11)

    move = np.random.default_rng(1).standard_normal(d) * 0.1
    centring, second = np.empty(d), np.empty(d)
    primal, dual, linear, quadratic = quantile_kernels.predict(columns, state, move, centring, second, 1)
    dx = q * (w - z - move @ columns)
    dz, dw = -z - z / x * dx, -w + w / s * dx
    assert_allclose(state[5], dx, rtol=1e-9, atol=1e-12)
    assert_allclose(primal, max((-dx / x).max(), (dx / s).max(), 0), rtol=1e-9)
    assert_allclose(dual, max((-dz / z).max(), (-dw / w).max(), 0), rtol=1e-9)
    assert_allclose([linear, quadratic], [dx @ (z - w), dx @ (dz - dw)], rtol=1e-8, atol=1e-8)
    assert_allclose(centring, columns @ (q * (1 / x - 1 / s)), rtol=1e-9, atol=1e-10)
    assert_allclose(second, columns @ (q * (-dx * dz / x - dx * dw / s)), rtol=1e-8, atol=1e-9)

    primal, dual = quantile_kernels.correct(columns, state, move, 0.2, 1)
    t = 0.2 / x - 0.2 / s - dx * dz / x - dx * dw / s
    first = dx, dz, dw
    dx = q * (w - z - move @ columns + t)
    dz = 0.2 / x - z - z / x * dx - first[0] * first[1] / x
    dw = 0.2 / s - w + w / s * dx + first[0] * first[2] / s
    assert_allclose(state[5:8], [dx, dz, dw], rtol=1e-7, atol=1e-9)
    assert_allclose(primal, max((-dx / x).max(), (dx / s).max(), 0), rtol=1e-7)
    assert_allclose(dual, max((-dz / z).max(), (-dw / w).max(), 0), rtol=1e-7)


def test_assess(problem):
    columns, weights, target, coef = problem
    d, n = columns.shape
    tau = 0.8
    dual = np.clip(weights - 0.5, tau - 1, tau)
    residual, moment = np.empty(n), np.empty(d)
    loss, gap, squares = quantile_kernels.assess(columns, target, coef, dual, tau, residual, moment, 1)
    r = target - coef @ columns
    losses = np.where(r > 0, tau * r, (tau - 1) * r)
    assert_allclose(residual, r, rtol=1e-11, atol=1e-12)
    assert_allclose([loss, gap, squares], [losses.sum(), (losses - dual * r).sum(), r @ r], rtol=1e-11)
    assert_allclose(moment, columns @ dual, rtol=1e-11, atol=1e-11)


def test_not_finite_numbers_stay_visible():
    """Reassociated sums hide neither NaN nor infinity."""
    for bad in (np.nan, np.inf):
        columns = np.ones((3, 200))
        columns[1, 77] = bad
        gram, moment, out = np.empty((3, 3)), np.empty(3), np.empty(200)
        kernels.weighted_gram(columns, np.ones(200), np.ones(200), gram, moment, 1)
        assert not np.isfinite(gram[1, 1])
        assert not np.isfinite(moment[1])
        kernels.multiply(columns, np.ones(3), out, 1)
        assert not np.isfinite(out[77])
        assert np.isfinite(np.delete(out, 77)).all()
