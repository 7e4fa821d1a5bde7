"""Designs: published identities of their Gram matrices and of least squares, conditioning, removal, bad input.

Seeds are fixed; a test raises a false alarm for a new seed with probability 1e-6 at most, but for the ratios of fact 8,
whose tails are too heavy for a bound.
"""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.rng import key_from_random_state
from sparsesci.sampling import CandidateSetBasis, Design, OrthogonalPolynomials, optimal_design
from sparsesci.sampling import _design as module
from sparsesci.sampling import _design_kernels as kernels
from tests.reference import christoffel as reference

Z = 5.5
ALARM = 1e-6


def options(n, strategy, proposal="christoffel"):
    return module.DesignOptions(strategy, n, proposal, None, 1, None, "spectral", 1)


def many(basis, n, strategy, count, seed, proposal="christoffel"):
    """Return points (count, n, d), weights (count, n) and rows (count, n, m) of as many designs."""
    chosen = options(n, strategy, proposal)
    places = module.draw_places(basis, chosen, key_from_random_state(seed), 0, count, None)
    weights, rows = module.weighted_rows(basis, chosen, places, None, "cpu")
    return basis._points(places), weights, rows


def kink(x):
    return np.abs(x) * np.exp(x)


def projection_of_kink(m):
    """Return the coefficients of |x| e^x and the squared error of its projection, by Gauss rules on both sides."""
    x, w = reference.quadrature("legendre", 60)
    x, w = np.concatenate([(x - 1) / 2, (x + 1) / 2]), np.concatenate([w, w]) / 2
    values = OrthogonalPolynomials(max_degree=m - 1).evaluate(x)
    coef = values.T @ (w * kink(x))
    return coef, w @ (kink(x) - values @ coef) ** 2


def fitted_coefficients(points, weights, rows):
    targets = np.sqrt(weights) * kink(points[:, :, 0])
    moments = np.einsum("cnm,cn->cm", rows, targets)
    if rows.shape[1] == rows.shape[2]:
        return np.linalg.solve(rows, targets[:, :, None])[:, :, 0]
    return np.linalg.solve(np.einsum("cnm,cnk->cmk", rows, rows), moments[:, :, None])[:, :, 0]


@pytest.mark.parametrize(("m", "n"), [(3, 3), (3, 5), (3, 9), (5, 5), (5, 7), (5, 15)])
def test_volume_rescaled_least_squares_are_unbiased(m, n):
    basis = OrthogonalPolynomials(max_degree=m - 1)
    coef, _ = projection_of_kink(m)
    found = fitted_coefficients(*many(basis, n, "volume", 10_000, seed=m + n))
    z = (found - coef).mean(axis=0) / (found.std(axis=0) / 100)
    assert np.abs(z).max() < Z


@pytest.mark.parametrize("n", [5, 9])
def test_independent_least_squares_are_not(n):
    """Otherwise the test above would show nothing."""
    basis = OrthogonalPolynomials(max_degree=2)
    coef, _ = projection_of_kink(3)
    found = fitted_coefficients(*many(basis, n, "iid", 10_000, seed=n))
    # The law has heavy tails at n = 5: the bias is seen in trimmed means of both sides as well as in the mean.
    z = (found - coef).mean(axis=0) / (found.std(axis=0) / 100)
    assert np.abs(z).max() > 8


@pytest.mark.parametrize("proposal", ["christoffel", "mixture"])
def test_unbiased_for_both_proposals_in_two_dimensions(proposal):
    basis = OrthogonalPolynomials(("legendre", "hermite"), total_degree=2)
    m, n, count = 6, 14, 10_000
    points, weights, rows = many(basis, n, "volume", count, seed=1, proposal=proposal)
    f = np.exp(0.3 * points[:, :, 0] * points[:, :, 1])
    moments = np.einsum("cnm,cn->cm", rows, np.sqrt(weights) * f)
    found = np.linalg.solve(np.einsum("cnm,cnk->cmk", rows, rows), moments[:, :, None])[:, :, 0]
    (x, v), (y, w) = reference.quadrature("legendre", 40), reference.quadrature("hermite", 40)
    nodes = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
    coef = basis.evaluate(nodes).T @ (np.outer(w, v).ravel() * np.exp(0.3 * nodes[:, 0] * nodes[:, 1]))
    z = (found - coef).mean(axis=0) / (found.std(axis=0) / math.sqrt(count))
    assert len(coef) == m
    assert np.abs(z).max() < Z
    if proposal == "mixture":
        assert weights.max() <= 2


@pytest.mark.parametrize("m", [3, 5])
def test_error_of_interpolation_at_the_dpp(m):
    """E |f - Qf|^2 = (1 + m) e^2: every coefficient has variance e^2 (heavy tails: within 15 %)."""
    coef, square = projection_of_kink(m)
    found = fitted_coefficients(*many(OrthogonalPolynomials(max_degree=m - 1), m, "volume", 40_000, seed=m))
    variances = ((found - coef) ** 2).mean(axis=0) / square
    np.testing.assert_allclose(variances, 1, atol=0.15)
    assert abs(1 + variances.sum() - (1 + m)) < 0.1 * (1 + m)


def test_mean_inverse_gram_of_volume_rescaled_designs():
    """E G^{-1} = n / (n - m + 1) I without atoms."""
    m, n, count = 3, 12, 20_000
    _, _, rows = many(OrthogonalPolynomials(max_degree=m - 1), n, "volume", count, seed=0)
    inverse = np.linalg.inv(module.gram_matrices(rows))
    error = inverse.mean(axis=0) - n / (n - m + 1) * np.eye(m)
    assert (np.abs(error) < Z * inverse.std(axis=0) / math.sqrt(count)).all()


def test_error_table_of_volume_rescaled_designs():
    """E |f - Qf|^2 / e^2 at m = 3: 2.49 and 1.57 at n = 5 and 9, against 8.0 and 2.33 for independent points."""
    coef, square = projection_of_kink(3)
    basis = OrthogonalPolynomials(max_degree=2)

    def mean_error(n, strategy):
        found = fitted_coefficients(*many(basis, n, strategy, 20_000, seed=n))
        return 1 + ((found - coef) ** 2).sum(axis=1).mean() / square

    assert abs(mean_error(9, "volume") - 1.57) < 0.06
    assert abs(mean_error(9, "iid") - 2.33) < 0.4
    assert abs(mean_error(5, "volume") - 2.49) < 0.3
    assert mean_error(5, "iid") > 4


@pytest.fixture(scope="module")
def atoms():
    """A measure on six points with its orthonormal functions, and the mixture of one half."""
    rng = np.random.default_rng(1)
    basis = CandidateSetBasis(None, rng.standard_normal((6, 2)))
    Phi, mu = basis.evaluate(basis.pool), np.full(6, 1 / 6)
    return basis, Phi, mu


def proposal_law(Phi, mu, proposal):
    k = (Phi**2).sum(axis=1)
    induced = mu * k / Phi.shape[1]
    return induced if proposal == "christoffel" else 0.5 * induced + 0.5 * mu


@pytest.mark.parametrize("proposal", ["christoffel", "mixture"])
def test_law_of_volume_rescaled_designs_by_enumeration(atoms, proposal):
    """All 6^4 outcomes: the density is a law, that of the construction, and least squares are unbiased."""
    basis, Phi, mu = atoms
    nu = proposal_law(Phi, mu, proposal)
    law = reference.volume_law(Phi, mu, nu)
    assert abs(sum(law.values()) - 1) < 1e-12
    other = reference.volume_law_of_construction(Phi, mu, nu)
    assert max(abs(law[points] - other[points]) for points in law) < 1e-15
    f = np.array([3.0, -1.0, 0.5, 2.0, -4.0, 1.0])
    mean = 0.0
    for points, probability in law.items():
        if probability > 1e-16:
            B = Phi[list(points)] * np.sqrt(mu / nu)[list(points), None]
            mean += probability * np.linalg.lstsq(B, np.sqrt(mu / nu)[list(points)] * f[list(points)])[0]
    np.testing.assert_allclose(mean, Phi.T @ (mu * f), atol=1e-12)


@pytest.mark.parametrize("proposal", ["christoffel", "mixture"])
def test_sampler_of_volume_rescaled_designs_has_that_law(atoms, proposal):
    basis, Phi, mu = atoms
    nu = proposal_law(Phi, mu, proposal)
    law = reference.volume_law(Phi, mu, nu)
    count = 20_000
    drawn = module.draw_places(basis, options(4, "volume", proposal), key_from_random_state(3), 0, count, None)
    outcomes = {}
    for points, probability in law.items():
        kind = tuple(sorted(points))
        outcomes[kind] = outcomes.get(kind, 0.0) + probability
    seen = dict.fromkeys(outcomes, 0)
    for points in np.sort(drawn, axis=1).tolist():
        seen[tuple(points)] += 1
    expected = np.array([outcomes[kind] * count for kind in outcomes])
    observed = np.array([seen[kind] for kind in outcomes])
    assert observed[expected < 1e-9].sum() == 0
    common = expected > 5
    rare = (observed[~common].sum(), expected[~common].sum())
    observed, expected = np.append(observed[common], rare[0]), np.append(expected[common], rare[1])
    keep = expected > 0
    assert stats.chisquare(observed[keep], expected[keep] * count / expected[keep].sum()).pvalue > ALARM
    # The order is random: every place has the same marginal law.
    table = np.stack([np.bincount(drawn[:, place], minlength=6) for place in range(4)])
    assert stats.chi2_contingency(table).pvalue > ALARM


def test_law_of_the_mixture(atoms):
    basis, Phi, mu = atoms
    drawn = module.draw_places(basis, options(4, "iid", "mixture"), key_from_random_state(0), 0, 10_000, None)
    expected = proposal_law(Phi, mu, "mixture")
    observed = np.bincount(drawn.ravel(), minlength=6)
    assert stats.chisquare(observed, expected * drawn.size).pvalue > ALARM
    # E[w phi phi^T] = I, exactly: the weights are the inverse of the density that was drawn from.
    weights, rows = module.weighted_rows(basis, options(6, "iid", "mixture"), np.arange(6)[None], None, "cpu")
    np.testing.assert_allclose(weights[0], mu / expected, rtol=1e-12)
    np.testing.assert_allclose(np.einsum("i,ij,ik->jk", expected, rows[0], rows[0]), np.eye(2), atol=1e-12)


@pytest.mark.parametrize(
    ("strategy", "proposal"),
    [("repeated_dpp", "christoffel"), ("iid", "christoffel"), ("iid", "mixture"), ("mc", "christoffel")],
)
@pytest.mark.parametrize("n", [6, 16])
def test_mean_gram_is_the_identity(strategy, proposal, n):
    """Also where n is no multiple of m: a thinned sample has the same density of points."""
    basis = OrthogonalPolynomials(("legendre", "hermite"), total_degree=2)
    _, _, rows = many(basis, n, strategy, 5000, seed=2, proposal=proposal)
    grams = module.gram_matrices(rows)
    error = grams.mean(axis=0) - np.eye(6)
    assert (np.abs(error) <= Z * grams.std(axis=0) / math.sqrt(5000) + 1e-12).all()


def test_chernoff_bound_and_conditional_error():
    """Facts 10 and 11, for independent points and for repeated samples of the DPP."""
    m, n, count, delta = 5, 60, 4000, 0.9
    basis = OrthogonalPolynomials(max_degree=m - 1)
    coef, square = projection_of_kink(m)
    rate = (1 + delta) * math.log(1 + delta) - delta
    for strategy in ("iid", "repeated_dpp"):
        points, weights, rows = many(basis, n, strategy, count, seed=0)
        stable = module.deviations(module.gram_matrices(rows), "spectral") <= delta
        bound = 2 * m * math.exp(-n * rate / m)
        assert (1 - stable).mean() <= bound + Z * math.sqrt(bound / count)
        found = fitted_coefficients(points[stable], weights[stable], rows[stable])
        errors = 1 + ((found - coef) ** 2).sum(axis=1) / square
        limit = 1 + m / n / (1 - delta) ** 2 / stable.mean()
        assert errors.mean() + Z * errors.std() / math.sqrt(len(errors)) < limit


def test_volume_rescaled_designs_contain_independent_points():
    """They are m points of the DPP and n - m others: lambda_min(G) >= (n - m) / n lambda_min of those."""
    basis, n, m, count = OrthogonalPolynomials(max_degree=4), 12, 5, 200
    key, chosen = key_from_random_state(0), options(12, "volume")
    places = module.draw_places(basis, chosen, key, 0, count, None)
    independent = basis._draw_christoffel(key, 0, count * (n - m), None).reshape(count, n - m, 1)
    for whole, part in zip(places[:, :, 0], independent[:, :, 0]):
        assert len(np.intersect1d(whole, part)) == n - m
    lowest, of_part = (
        np.linalg.eigvalsh(module.gram_matrices(module.weighted_rows(basis, chosen, x, None, "cpu")[1]))[:, 0]
        for x in (places, independent)
    )
    assert (lowest >= (n - m) / n * of_part - 1e-12).all()
    assert np.median(lowest) > 1.1 * np.median(of_part)


# The stability table of the repeated designs


def lowest_eigenvalues(basis, n, strategy, count, seed):
    _, _, rows = many(basis, n, strategy, count, seed)
    return np.linalg.eigvalsh(module.gram_matrices(rows))[:, 0]


SETUPS = {
    "A": (lambda: OrthogonalPolynomials("legendre", max_degree=19), 40, 0.10, 0.75, (0.23, 0.31)),
    "B": (lambda: OrthogonalPolynomials("hermite", max_degree=19), 40, 0.12, 0.75, (0.22, 0.33)),
    "C": (lambda: OrthogonalPolynomials("legendre", total_degree=6, dimension=2), 56, 0.15, 0.85, (0.12, 0.21)),
}


@pytest.mark.parametrize("which", SETUPS)
def test_stability_table(which):
    """200 designs each: repeated samples of the DPP are stable where independent points are not."""
    make, n, repeated_at_most, independent_at_least, (low, high) = SETUPS[which]
    repeated = lowest_eigenvalues(make(), n, "repeated_dpp", 200, seed=0)
    assert (repeated < 0.1).mean() <= repeated_at_most
    assert low <= np.median(repeated) <= high
    assert (lowest_eigenvalues(make(), n, "iid", 200, seed=0) < 0.1).mean() >= independent_at_least
    assert 0.2 < (lowest_eigenvalues(make(), n, "volume", 200, seed=0) < 0.1).mean() < 0.65


# Removal


def random_rows(seed, n, m):
    rows = np.random.default_rng(seed).standard_normal((n, m))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) * math.sqrt(m)


@pytest.mark.parametrize(("n", "m"), [(9, 1), (12, 2), (25, 5), (40, 12)])
def test_extreme_eigenvalues_after_removal(n, m):
    """The two roots of the secular equation against a full eigenvalue problem for every point."""
    for seed in range(5):
        rows = random_rows(seed, n, m)
        d, U = np.linalg.eigh(rows.T @ rows)
        for row in rows:
            expected = np.linalg.eigvalsh(rows.T @ rows - np.outer(row, row))
            found = (
                kernels.smallest_after_removal(d, row @ U),
                kernels.largest_after_removal(d, row @ U),
            )
            np.testing.assert_allclose(found, expected[[0, -1]], atol=1e-12 * d[-1])


def test_extreme_eigenvalues_in_degenerate_cases():
    """Equal eigenvalues, removed directions along and orthogonal to eigenvectors, and singular results."""
    cases = [
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
        ([1.0, 1.0, 1.0], [0.3, 0.4, 0.0]),
        ([1.0, 1.0, 2.0], [0.5, 0.0, 0.0]),
        ([1.0, 2.0, 2.0], [0.0, 0.6, 0.8]),
        ([1.0, 2.0, 3.0], [0.0, 0.0, 1.5]),
        ([1.0, 2.0, 3.0], [1.0, 0.0, 0.0]),
        ([1.0, 2.0, 3.0], [0.0, 1.2, 0.0]),
        ([1.0, 2.0, 3.0], [1e-9, 1e-200, 1e-9]),
        ([1e-3, 2.0, 3.0], [1e-2, 0.7, 1.2]),
        ([2.0], [1.0]),
        ([2.0], [math.sqrt(2.0)]),
        ([1.0, 1.0 + 1e-15, 5.0], [0.5, 0.5, 0.5]),
    ]
    for d, z in cases:
        d, z = np.array(d), np.array(z)
        expected = np.linalg.eigvalsh(np.diag(d) - np.outer(z, z))
        found = kernels.smallest_after_removal(d, z), kernels.largest_after_removal(d, z)
        np.testing.assert_allclose(found, expected[[0, -1]], atol=1e-13 * d[-1], err_msg=f"{d}, {z}")


@pytest.mark.parametrize("criterion", ["spectral", "lambda_min"])
def test_greedy_removal_takes_the_points_of_the_oracle(criterion):
    def deviation(rows):
        eigenvalues = np.linalg.eigvalsh(rows.T @ rows / len(rows))
        return max(1 - eigenvalues[0], eigenvalues[-1] - 1 if criterion == "spectral" else -np.inf)

    removed = 0
    for seed, (n, m) in enumerate([(12, 2), (20, 4), (30, 8), (24, 6)]):
        rows = random_rows(seed, n, m)
        for delta in (0.6, 0.9, 0.99):
            found = module.reduce_greedily(rows, delta, criterion, None)
            assert m <= len(found) <= n
            assert found.tolist() == reference.greedy_removal(rows, delta, deviation)
            removed += n - len(found)
    assert removed > 50


def runge(X):
    return 1 / (1 + 5 * X[:, 0] ** 2)


def boosted_errors(repetitions):
    """Return sizes and errors / e of designs with 2 samples of the DPP, the best of 20, reduced."""
    basis = OrthogonalPolynomials("legendre", max_degree=19)
    x, w = reference.quadrature("legendre", 120)
    values, f = basis.evaluate(x), runge(x[:, None])
    coef = values.T @ (w * f)
    e = math.sqrt(w @ (f - values @ coef) ** 2)
    assert abs(e - 1.150e-4) < 1e-7
    sizes, errors = [], []
    for seed in range(repetitions):
        design = optimal_design(basis, 40, delta=0.9, n_candidates=20, reduce="greedy", random_state=seed)
        root = np.sqrt(design.weights)
        c = np.linalg.lstsq(root[:, None] * basis.evaluate(design.points), root * runge(design.points))[0]
        sizes.append(len(design.points))
        errors.append(math.sqrt(w @ (f - values @ c) ** 2) / e)
    return np.array(sizes), np.array(errors)


def test_boosted_designs():
    sizes, errors = boosted_errors(15)
    assert sizes.mean() <= 21
    assert np.median(errors) <= 2.2


@pytest.mark.slow
def test_boosted_designs_many():
    sizes, errors = boosted_errors(100)
    assert sizes.mean() <= 20.5
    assert np.median(errors) <= 2.2
    assert errors.max() < 6


# Conditioning and what the function returns


def test_conditioning_and_candidates():
    basis = OrthogonalPolynomials(max_degree=9)
    plain = [optimal_design(basis, 20, random_state=seed) for seed in range(20)]
    assert {design.n_tries for design in plain} == {1}
    assert max(design.stability for design in plain) > 0.8
    conditioned = [optimal_design(basis, 20, delta=0.7, random_state=seed) for seed in range(20)]
    assert max(design.stability for design in conditioned) <= 0.7
    assert max(design.n_tries for design in conditioned) > 1
    # The first round is the same: a design that meets delta at once is the one without delta.
    for one, other in zip(plain, conditioned):
        assert (one.stability <= 0.7) == (other.n_tries == 1)
        if other.n_tries == 1:
            np.testing.assert_array_equal(one.points, other.points)
    best = [optimal_design(basis, 20, n_candidates=20, random_state=seed).stability for seed in range(20)]
    assert np.mean(best) < np.mean([design.stability for design in plain])


@pytest.mark.parametrize("strategy", module.STRATEGIES)
def test_fields_agree(strategy):
    basis = OrthogonalPolynomials(("legendre", "hermite"), total_degree=2, domain=[(0, 2), (1, 3)])
    design = optimal_design(basis, 13, strategy=strategy, random_state=0)
    assert isinstance(design, Design)
    assert design.points.shape == (13, 2)
    assert design.indices is None
    assert (design.weights > 0).all()
    values = basis.evaluate(design.points)
    expected = 1.0 if strategy == "mc" else 6 / basis.christoffel(design.points)
    np.testing.assert_allclose(design.weights, expected, rtol=1e-10)
    gram = (values * design.weights[:, None]).T @ values / 13
    np.testing.assert_allclose(design.gram, gram, atol=1e-10)
    assert abs(design.stability - np.linalg.norm(gram - np.eye(6), 2)) < 1e-9
    one_sided = optimal_design(basis, 13, strategy=strategy, criterion="lambda_min", random_state=0)
    assert abs(one_sided.stability - (1 - np.linalg.eigvalsh(gram)[0])) < 1e-9


def test_default_sizes():
    basis = OrthogonalPolynomials(max_degree=3)
    rate = 1.9 * math.log(1.9) - 0.9
    independent = math.ceil(4 * math.log(800) / rate)
    for strategy, n in (("repeated_dpp", 8), ("iid", independent), ("mc", independent), ("volume", independent + 4)):
        assert len(optimal_design(basis, strategy=strategy, random_state=0).points) == n


def test_warns_when_no_design_is_good_enough():
    basis = OrthogonalPolynomials(max_degree=9)
    with pytest.warns(ConvergenceWarning, match="max_tries=3"):
        design = optimal_design(basis, 10, delta=0.05, max_tries=3, reduce="greedy", random_state=0)
    assert design.n_tries == 3
    assert design.stability > 0.05
    assert len(design.points) == 10


@pytest.mark.parametrize("strategy", module.STRATEGIES)
def test_same_bits_for_every_number_of_threads(strategy):
    basis = OrthogonalPolynomials("legendre", total_degree=3, dimension=2)
    alone, *others = (
        optimal_design(basis, 30, strategy=strategy, n_candidates=30, reduce="greedy", random_state=0, n_jobs=n_jobs)
        for n_jobs in (1, 2, 7)
    )
    for other in others:
        for name in ("points", "weights", "gram", "stability"):
            np.testing.assert_array_equal(getattr(other, name), getattr(alone, name))


@pytest.mark.parametrize(
    ("changed", "exception", "named"),
    [
        ({"basis": None}, TypeError, "basis"),
        ({"basis": np.eye(3)}, TypeError, "basis"),
        ({"n_points": 5}, ValueError, "n_points"),
        ({"strategy": "dpp"}, ValueError, "strategy"),
        ({"proposal": "uniform"}, ValueError, "proposal"),
        ({"proposal": "mixture"}, ValueError, "proposal"),
        ({"proposal": "mixture", "strategy": "mc"}, ValueError, "proposal"),
        ({"delta": 0.0}, ValueError, "delta"),
        ({"delta": 1.0}, ValueError, "delta"),
        ({"criterion": "trace"}, ValueError, "criterion"),
        ({"reduce": "random"}, ValueError, "reduce"),
        ({"n_candidates": 0}, ValueError, "n_candidates"),
        ({"max_tries": 0}, ValueError, "max_tries"),
    ],
)
def test_refuses(changed, exception, named):
    arguments = {"basis": OrthogonalPolynomials(max_degree=5), "n_points": 12, **changed}
    with pytest.raises(exception, match=named):
        optimal_design(**arguments)
