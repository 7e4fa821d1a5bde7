"""Laws of the samplers: the measures, squared functions, Christoffel densities and projection DPPs.

Seeds are fixed. Single tests raise a false alarm for a new seed with probability 1e-6 at most.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import cumulative_simpson

from sparsesci.sampling import OrthogonalPolynomials
from tests.reference import christoffel as reference

FAMILIES = ("legendre", "hermite", "chebyshev", "fourier")
DEGREES = (0, 1, 2, 5, 12)
ALARM = 1e-6
Z = 5.5  # for up to 25 simultaneous normal variates


def gauss_rule(family):
    """Return a rule for smooth functions that need not be periodic."""
    if family == "fourier":
        x, w = reference.quadrature("legendre", 64)
        return (x + 1) / 2, w
    return reference.quadrature(family, 64)


def harmonic_trials(m):
    return m * np.sum(1 / np.arange(1, m + 1))


def test_closed_forms_are_those_of_the_densities():
    """By Simpson's rule on 2e5 intervals: the oracle is held to something simpler."""
    for family, low, high in (("legendre", -1, 1), ("hermite", -12, 12), ("fourier", 0, 1)):
        for degree in DEGREES:
            x = np.linspace(low, high, 200_001)
            integral = cumulative_simpson(reference.density(family, degree, x), x=x, initial=0)
            assert np.abs(integral - reference.distribution(family, degree, x)).max() < 1e-6
    for degree in DEGREES:
        angle = np.linspace(0.001, np.pi - 0.001, 20_001)
        x = np.cos(angle)[::-1]
        f = reference.distribution("chebyshev", degree, x)
        middle = reference.density("chebyshev", degree, (x[1:] + x[:-1]) / 2) * np.diff(x)
        np.testing.assert_allclose(np.diff(f), middle, atol=1e-6)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("family", FAMILIES)
def test_squared_functions(family, degree):
    x = OrthogonalPolynomials(family, [degree]).sample_christoffel(20_000, random_state=degree)[:, 0]
    assert stats.kstest(x, lambda x: reference.distribution(family, degree, x)).pvalue > ALARM


@pytest.mark.parametrize("family", FAMILIES)
def test_measures(family):
    domain = {"hermite": (2, 3)}.get(family, (2, 5))
    x = OrthogonalPolynomials(family, [4], domain=domain).sample_measure(20_000, random_state=3)[:, 0]
    low, high = domain
    canonical = (x - low) / high if family == "hermite" else (x - low) / (high - low)
    if family in ("legendre", "chebyshev"):
        canonical = 2 * canonical - 1
    assert stats.kstest(canonical, lambda x: reference.distribution(family, 0, x)).pvalue > ALARM


@pytest.mark.parametrize("degree", [30, 300, 2000])
def test_hermite_inversion(degree):
    """The quantile function inverts the distribution function, in every degree."""
    from sparsesci.sampling._christoffel_kernels import hermite_distribution, hermite_quantile

    for u in (1e-12, 1e-3, 0.1, 0.25, 0.5, 0.77, 0.999, 1 - 1e-12):
        x = hermite_quantile(u, degree)
        value, density = hermite_distribution(x, degree)
        assert abs(value - u) <= 1e-12 + 1e-12 * density * abs(x)
        if degree == 30:
            assert abs(value - reference.distribution("hermite", degree, x)) < 1e-9


@pytest.mark.parametrize(
    "options",
    [
        {"family": "legendre", "total_degree": 4, "dimension": 3},
        {"family": ("hermite", "fourier", "chebyshev"), "hyperbolic_cross": 4},
        {"family": "fourier", "index_set": [[1, 0], [2, 0], [0, 3], [5, 4], [0, 0]]},
    ],
    ids=["legendre", "mixed", "fourier, not closed"],
)
def test_christoffel_density_of_product_bases(options):
    """E[w phi phi^T] = I, and k_m / m has mean one with respect to the measure: every marginal moment of the law."""
    basis = OrthogonalPolynomials(**options)
    m, n = len(basis), 20_000
    X = basis.sample_christoffel(n, random_state=1)
    values = basis.evaluate(X)
    w = m / basis.christoffel(X)
    products = w[:, None, None] * values[:, :, None] * values[:, None, :]
    error = products.mean(axis=0) - np.eye(m)
    assert (np.abs(error) <= Z * products.std(axis=0) / np.sqrt(n) + 1e-12).all()


PROCESSES = {
    "legendre": {"family": "legendre", "max_degree": 3},
    "two coordinates": {"family": ("hermite", "chebyshev"), "total_degree": 2},
    "fourier": {"family": "fourier", "max_degree": 2},
    "no constant": {"family": "legendre", "index_set": [[1, 0], [0, 2], [3, 1]]},
}


@pytest.mark.parametrize("method", ["chain", "auto"])
@pytest.mark.parametrize("which", PROCESSES)
def test_pair_correlations_of_the_dpp(which, method):
    """E sum g(x_i) and E sum_{i != j} g(x_i) h(x_j) of a determinantal process, from Gram matrices of g and h."""
    basis = OrthogonalPolynomials(**PROCESSES[which])
    m, n = len(basis), 8000
    rules = [gauss_rule(family) for family in basis.family]
    nodes = np.stack([a.ravel() for a in np.meshgrid(*[x for x, _ in rules], indexing="ij")], axis=1)
    weights = np.prod(np.stack([a.ravel() for a in np.meshgrid(*[w for _, w in rules], indexing="ij")]), axis=0)
    tests = (lambda X: np.cos(2 * X[:, 0] + 0.5), lambda X: X[:, -1] ** 2 / (1 + X[:, -1] ** 2))
    values = basis.evaluate(nodes)
    grams = [(values * (weights * g(nodes))[:, None]).T @ values for g in tests]
    X = basis.sample_dpp(n, method=method, random_state=5)
    sums = [g(X.reshape(n * m, -1)).reshape(n, m) for g in tests]
    for g in range(2):
        single = sums[g].sum(axis=1)
        assert abs(single.mean() - np.trace(grams[g])) <= Z * single.std() / np.sqrt(n)
        for h in range(2):
            pairs = sums[g].sum(axis=1) * sums[h].sum(axis=1) - (sums[g] * sums[h]).sum(axis=1)
            expected = np.trace(grams[g]) * np.trace(grams[h]) - np.trace(grams[g] @ grams[h])
            assert abs(pairs.mean() - expected) <= Z * pairs.std() / np.sqrt(n)
    # Repulsion: the variance of a sum is at most that of independent points.
    square = float(((values**2).sum(axis=1) * weights) @ tests[0](nodes) ** 2)
    single = sums[0].sum(axis=1)
    assert single.var() <= square * (1 + Z * np.sqrt(2 / n))
    # The order of the points is random: the first is a draw of density k_m / m.
    first = sums[0][:, 0]
    assert abs(first.mean() - np.trace(grams[0]) / m) <= Z * first.std() / np.sqrt(n)


@pytest.mark.parametrize("family", ["legendre", "hermite", "chebyshev"])
def test_tridiagonal_matrices_give_the_law_of_the_chain_rule(family):
    basis = OrthogonalPolynomials(family, max_degree=5)
    chain, matrices = (
        np.sort(basis.sample_dpp(4000, method=method, random_state=seed)[:, :, 0], axis=1)
        for method, seed in (("chain", 1), ("tridiagonal", 2))
    )
    for order in range(6):
        assert stats.ks_2samp(chain[:, order], matrices[:, order]).pvalue > ALARM
    for gap in range(5):
        pair = [np.diff(points, axis=1)[:, gap] for points in (chain, matrices)]
        assert stats.ks_2samp(*pair).pvalue > ALARM
    one = OrthogonalPolynomials(family, max_degree=0).sample_dpp(4000, method="tridiagonal", random_state=0)
    assert stats.kstest(one[:, 0, 0], lambda x: reference.distribution(family, 0, x)).pvalue > ALARM


@pytest.mark.parametrize(
    "options",
    [
        {"family": "legendre", "max_degree": 14},
        {"family": "hermite", "total_degree": 3, "dimension": 2},
        {"family": "fourier", "max_degree": 1, "dimension": 2},
    ],
)
def test_number_of_proposals(options):
    """Exactly m H_m on average, whatever the basis."""
    basis = OrthogonalPolynomials(**options)
    _, trials = basis.sample_dpp(800, method="chain", return_n_trials=True, random_state=2)
    assert abs(trials.mean() - harmonic_trials(len(basis))) <= Z * trials.std() / np.sqrt(len(trials))


def test_samples_of_one_call_are_independent():
    basis = OrthogonalPolynomials("legendre", total_degree=2, dimension=2)
    for method in ("auto", "chain"):
        X = basis.sample_dpp(4000, method=method, random_state=0)
        # How many points lie to the right, in a sample and in the next.
        right = (X[:, :, 0] > 0).sum(axis=1)
        table = np.zeros((7, 7))
        np.add.at(table, (right[:-1:2], right[1::2]), 1)
        used = table.sum(axis=1) > 50
        assert stats.chi2_contingency(table[used][:, used]).pvalue > ALARM


def test_one_sample_is_the_first_of_many():
    basis = OrthogonalPolynomials("legendre", total_degree=2, dimension=2)
    many = basis.sample_dpp(3, random_state=4)
    np.testing.assert_array_equal(basis.sample_dpp(random_state=4), many[0])
    points, trials = basis.sample_dpp(random_state=4, return_n_trials=True)
    assert points.shape == (6, 2)
    assert trials >= 6
    assert not np.array_equal(many[0], many[1])


def test_gamma_variates():
    from sparsesci.sampling._christoffel_kernels import gamma_draw

    for shape in (0.5, 1.0, 3.7):
        x = [gamma_draw(shape, np.uint64(7), np.uint64(1), np.uint64(i) << np.uint64(24)) for i in range(4000)]
        assert stats.kstest(x, stats.gamma(shape).cdf).pvalue > ALARM
