"""sparse_encode: every algorithm against its oracle and its optimality conditions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import sparse_encode as sklearn_encode
from sklearn.exceptions import ConvergenceWarning

from sparsesci.datasets import make_sparse_codes
from sparsesci.decomposition import penalty, prox, sparse_encode
from tests.reference import decomposition as reference

PENALTIES = ("l1", "l0", "half", "two_thirds", "cel0", "mcp", "scad", "log")


@pytest.fixture(scope="module")
def problem():
    """Coherent atoms, more than features, and samples that need several of them."""
    rng = np.random.default_rng(0)
    D = rng.standard_normal((50, 20)) + 0.5
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.standard_normal((40, 20)) * 2, D


def objectives(X, D, codes, name, alpha, norm=1.0):
    g = reference.penalties(alpha, norm=norm)[name]
    return np.array([reference.objective(x, D, r, g) for x, r in zip(X, codes)])


class TestPursuits:
    @pytest.mark.parametrize("algorithm", ["omp", "ormp"])
    @pytest.mark.parametrize("k", [1, 4, 9])
    def test_equal_the_oracle(self, problem, algorithm, k):
        X, D = problem
        codes = sparse_encode(X, D, algorithm=algorithm, n_nonzero=k)
        expected = [reference.omp(x, D, k, recursive=algorithm == "ormp") for x in X]
        assert_allclose(codes, expected, atol=1e-9)

    def test_supports_are_those_of_scikit_learn(self, problem):
        X, D = problem
        codes = sparse_encode(X, D, algorithm="omp", n_nonzero=7)
        assert_allclose(codes, sklearn_encode(X, D, algorithm="omp", n_nonzero_coefs=7), atol=1e-9)

    def test_are_two_algorithms(self, problem):
        X, D = problem
        omp, ormp = (sparse_encode(X, D, algorithm=name, n_nonzero=9) for name in ("omp", "ormp"))
        same = np.mean(((omp != 0) == (ormp != 0)).all(axis=1))
        assert same < 0.9
        assert np.sum((X - ormp @ D) ** 2) < np.sum((X - omp @ D) ** 2)

    @pytest.mark.parametrize("algorithm", ["omp", "ormp"])
    def test_stop_at_the_error(self, problem, algorithm):
        X, D = problem
        codes = sparse_encode(X, D, algorithm=algorithm, eps=10.0)
        errors = np.sum((X - codes @ D) ** 2, axis=1)
        assert (errors <= 10).all()
        expected = [reference.omp(x, D, 20, eps=10.0, recursive=algorithm == "ormp") for x in X]
        assert_allclose(codes, expected, atol=1e-9)

    @pytest.mark.parametrize("algorithm", ["omp", "ormp"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_residual_is_orthogonal(self, problem, algorithm, dtype):
        X, D = (array.astype(dtype) for array in problem)
        codes = sparse_encode(X, D, algorithm=algorithm, n_nonzero=8)
        assert codes.dtype == dtype
        assert (np.count_nonzero(codes, axis=1) == 8).all()
        products = (X - codes @ D) @ D.T
        assert np.abs(products[codes != 0]).max() < (1e-4 if dtype == np.float32 else 1e-12)

    @pytest.mark.parametrize("algorithm", ["omp", "ormp"])
    def test_atoms_of_any_norm(self, problem, algorithm):
        X, D = problem
        scales = np.geomspace(0.01, 100, 50)
        codes = sparse_encode(X, D * scales[:, None], algorithm=algorithm, n_nonzero=5)
        assert_allclose(codes * scales, sparse_encode(X, D, algorithm=algorithm, n_nonzero=5), atol=1e-10)

    @pytest.mark.parametrize("algorithm", ["omp", "ormp"])
    def test_duplicate_atoms(self, algorithm):
        """Pursuits end where nothing new can be had, and divide by no zero."""
        D = np.eye(4)[[0, 0, 1, 1, 2]]
        codes = sparse_encode([[3.0, 2.0, 1.0, 5.0], [0.0, 0, 0, 0]], D, algorithm=algorithm, n_nonzero=4)
        assert_allclose(codes @ D, [[3, 2, 1, 0], [0, 0, 0, 0]], atol=1e-12)
        assert np.count_nonzero(codes) == 3

    def test_too_many_atoms(self, problem):
        X, D = problem
        with pytest.warns(UserWarning, match="n_nonzero"):
            codes = sparse_encode(X, D[:6], n_nonzero=10)
        assert_allclose((X - codes @ D[:6]) @ D[:6].T, 0, atol=1e-10)

    def test_recovery(self):
        X, D, codes = make_sparse_codes(100, 40, 25, n_nonzero=2, random_state=0)
        found = sparse_encode(X, D, algorithm="ormp", n_nonzero=2)
        assert np.mean(np.abs(found - codes).max(axis=1) < 1e-10) > 0.95


class TestLasso:
    @pytest.mark.parametrize("algorithm", ["cd", "homotopy", "fista", "ista"])
    @pytest.mark.parametrize("alpha", [0.1, 0.7, 3.0])
    def test_optimal(self, problem, algorithm, alpha):
        X, D = problem
        codes = sparse_encode(X, D, penalty="l1", alpha=alpha, algorithm=algorithm, tol=1e-9, max_iter=50_000)
        exact = sparse_encode(X, D, penalty="l1", alpha=alpha, algorithm="homotopy")
        difference = objectives(X, D, codes, "l1", alpha) - objectives(X, D, exact, "l1", alpha)
        assert np.abs(difference).max() < (1e-3 if algorithm == "ista" else 1e-7)
        products = (X - codes @ D) @ D.T
        assert np.abs(products).max() <= alpha * (1 + (1e-2 if algorithm == "ista" else 1e-4))

    def test_objective_is_that_of_scikit_learn(self, problem):
        X, D = problem
        peer = sklearn_encode(X, D, algorithm="lasso_cd", alpha=0.5, max_iter=100_000)
        ours = sparse_encode(X, D, penalty="l1", alpha=0.5)
        assert (objectives(X, D, ours, "l1", 0.5) <= objectives(X, D, peer, "l1", 0.5) + 1e-8).all()

    @pytest.mark.parametrize("selection", ["greedy", "cyclic"])
    def test_atoms_of_any_norm(self, problem, selection):
        X, D = problem
        scaled = D * np.linspace(0.2, 3, 50)[:, None]
        options = {"penalty": "l1", "alpha": 0.5, "tol": 1e-10, "max_iter": 5000}
        codes = sparse_encode(X, scaled, selection=selection, **options)
        exact = sparse_encode(X, scaled, algorithm="homotopy", penalty="l1", alpha=0.5)
        assert_allclose(objectives(X, scaled, codes, "l1", 0.5), objectives(X, scaled, exact, "l1", 0.5), rtol=1e-8)

    def test_path_ends_at_a_number_of_atoms(self, problem):
        X, D = problem
        codes = sparse_encode(X, D, penalty="l1", algorithm="homotopy", n_nonzero=4)
        assert (np.count_nonzero(codes, axis=1) == 4).all()

    @pytest.mark.parametrize("algorithm", ["cd", "fista"])
    def test_positive(self, problem, algorithm):
        X, D = problem
        codes = sparse_encode(
            X, D, penalty="l1", alpha=0.5, algorithm=algorithm, positive=True, tol=1e-9, max_iter=20_000
        )
        assert codes.min() >= 0
        products = (X - codes @ D) @ D.T
        assert products.max() <= 0.5 + 1e-5
        assert_allclose(products[codes > 0], 0.5, atol=1e-5)


class TestDescent:
    @pytest.mark.parametrize("name", PENALTIES)
    def test_sweeps_equal_the_oracle(self, problem, name):
        X, D = problem
        with pytest.warns(ConvergenceWarning):
            codes = sparse_encode(X[:6], D, penalty=name, alpha=0.4, selection="cyclic", max_iter=1)
        for x, code in zip(X[:6], codes):
            expected = reference.coordinate_descent(x, D, lambda z, mu: getattr(prox, name)(z, 0.4, mu), 1)
            assert_allclose(code, expected, atol=1e-10)

    @pytest.mark.parametrize("name", PENALTIES)
    @pytest.mark.parametrize("selection", ["cyclic", "greedy"])
    def test_one_sweep_is_exact_for_orthonormal_atoms(self, name, selection):
        D = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
        X = np.random.default_rng(1).standard_normal((10, 8)) * 2
        codes = sparse_encode(X, D, penalty=name, alpha=0.4, selection=selection, tol=1e-10)
        assert_allclose(codes, getattr(prox, name)(X @ D.T, 0.4, 1.0), atol=1e-9)

    @pytest.mark.parametrize("name", PENALTIES)
    @pytest.mark.parametrize("selection", ["cyclic", "greedy"])
    def test_every_coordinate_is_at_its_minimum(self, problem, name, selection):
        X, D = problem
        codes = sparse_encode(X, D, penalty=name, alpha=0.4, selection=selection, tol=1e-9, max_iter=20_000)
        again = getattr(prox, name)(codes + (X - codes @ D) @ D.T, 0.4, 1.0)
        assert_allclose(again, codes, atol=1e-6)
        # Starting there changes nothing; going on from elsewhere never makes it worse.
        options = {"penalty": name, "alpha": 0.4, "selection": selection, "tol": 1e-9, "max_iter": 20_000}
        assert_allclose(sparse_encode(X, D, init=codes, **options), codes, atol=1e-6)
        start = np.random.default_rng(2).standard_normal(codes.shape) * 0.1
        better = objectives(X, D, sparse_encode(X, D, init=start, **options), name, 0.4)
        assert (better <= objectives(X, D, start, name, 0.4) + 1e-9).all()

    def test_objective_never_rises(self, problem):
        X, D = problem
        for name in PENALTIES:
            values = []
            for sweeps in (1, 2, 3, 5):
                options = {"penalty": name, "alpha": 0.1, "selection": "cyclic", "max_iter": sweeps, "tol": 0.0}
                with pytest.warns(ConvergenceWarning):
                    codes = sparse_encode(X[:10], D, **options)
                values.append(objectives(X[:10], D, codes, name, 0.1))
            assert (np.diff(values, axis=0) <= 1e-12).all()

    def test_cel0_minimisers_are_zero_or_large(self, problem):
        X, D = problem
        for algorithm in ("cd", "ista"):
            codes = sparse_encode(X, D, alpha=0.4, algorithm=algorithm, tol=1e-10, max_iter=100_000)
            sizes = np.abs(codes[codes != 0])
            assert sizes.min() >= np.sqrt(2 * 0.4) * (1 - 1e-4)

    def test_cel0_is_l0_for_unit_atoms(self, problem):
        X, D = problem
        assert (sparse_encode(X, D, alpha=0.4) == sparse_encode(X, D, alpha=0.4, penalty="l0")).all()

    def test_hard_thresholds_do_not_depend_on_norms(self, problem):
        X, D = problem
        scales = np.linspace(0.2, 3, 50)
        for name in ("cel0", "l0"):
            codes = sparse_encode(X, D * scales[:, None], penalty=name, alpha=0.4)
            assert_allclose(codes * scales, sparse_encode(X, D, penalty=name, alpha=0.4), atol=1e-2)


class TestProximalGradient:
    @pytest.mark.parametrize("name", PENALTIES)
    def test_equals_the_oracle(self, problem, name):
        X, D = problem
        with pytest.warns(ConvergenceWarning):
            codes = sparse_encode(X[:4], D, penalty=name, alpha=0.2, algorithm="ista", step=0.05, tol=0.0, max_iter=30)
        for x, code in zip(X[:4], codes):
            expected = reference.ista(x, D, lambda z, mu: getattr(prox, name)(z, 0.2, mu), 0.05, 30)
            assert_allclose(code, expected, atol=1e-10)

    def test_too_long_a_step(self, problem):
        X, D = problem
        with pytest.warns(ConvergenceWarning, match="step"):
            sparse_encode(X, D, algorithm="ista", step=10.0, max_iter=2)

    def test_samples_do_not_depend_on_each_other(self, problem):
        X, D = problem
        for algorithm in ("ista", "cd", "ormp"):
            options = {"n_nonzero": 5} if algorithm == "ormp" else {"alpha": 0.3}
            together = sparse_encode(np.tile(X, (3, 1)), D, algorithm=algorithm, **options)
            alone = [sparse_encode(x[None], D, algorithm=algorithm, **options)[0] for x in X[:5]]
            assert_allclose(together[:5], alone, atol=1e-10)


class TestOrdering:
    def test_at_equal_sparsity(self):
        """Greedy descent on l0 and the half penalty has at most half the error of l1 before debiasing."""
        X, D, _ = make_sparse_codes(200, 60, 30, n_nonzero=4, noise=0.05, random_state=0)

        def at_four(name, debias=False, **options):
            low, high = 1e-3, 10.0
            for _ in range(30):
                alpha = np.sqrt(low * high)
                codes = sparse_encode(X, D, penalty=name, alpha=alpha, **options)
                low, high = (alpha, high) if np.count_nonzero(codes) / 200 > 4 else (low, alpha)
            codes = sparse_encode(X, D, penalty=name, alpha=high, debias=debias, **options)
            return np.sum((X - codes @ D) ** 2) / np.sum(X**2)

        l1, l0 = at_four("l1"), at_four("l0")
        assert l0 <= 0.5 * l1
        assert at_four("half") <= 0.5 * l1
        assert at_four("l1", debias=True) < l1

    @pytest.mark.parametrize("algorithm", ["cd", "omp"])
    def test_debias(self, problem, algorithm):
        X, D = problem
        options = {"n_nonzero": 4} if algorithm == "omp" else {"penalty": "l1", "alpha": 0.8}
        plain = sparse_encode(X, D, algorithm=algorithm, **options)
        codes = sparse_encode(X, D, algorithm=algorithm, debias=True, **options)
        assert ((codes != 0) <= (plain != 0)).all()
        for x, code, before in zip(X, codes, plain):
            support = np.flatnonzero(before)
            expected = np.zeros(len(D))
            expected[support] = reference.fit(x, D, support)
            assert_allclose(code, expected, atol=1e-8)

    def test_debias_of_dependent_atoms_and_positive_codes(self, problem):
        X, D = problem
        twice = np.concatenate([D, D])
        start = np.concatenate([np.full((40, 25), 0.2), np.zeros((40, 25))] * 1, axis=1)
        start = np.concatenate([start, start], axis=1)
        with pytest.warns(ConvergenceWarning):
            codes = sparse_encode(
                X, twice, penalty="l1", alpha=1e-3, selection="cyclic", init=start, max_iter=1, debias=True
            )
        assert np.isfinite(codes).all()
        codes = sparse_encode(X, D, penalty="l1", alpha=0.5, positive=True, debias=True)
        assert codes.min() >= 0


class TestBadInput:
    def test_options_that_do_not_go_together(self, problem):
        X, D = problem
        cases = [
            ({"algorithm": "omp"}, "n_nonzero"),
            ({"algorithm": "cd", "n_nonzero": 3}, "n_nonzero"),
            ({"algorithm": "cd", "eps": 0.1}, "eps"),
            ({"algorithm": "homotopy"}, "penalty"),
            ({"algorithm": "omp", "n_nonzero": 3, "positive": True}, "positive"),
            ({"penalty": penalty.MCP(gamma=1.0)}, "gamma"),
            ({"penalty": penalty.SCAD(a=2.0)}, "a of"),
            ({"init": np.full(X.shape[:1] + D.shape[:1], -1.0), "positive": True}, "init"),
            ({"alpha": 0.0}, "alpha"),
            ({"n_nonzero": 0}, "n_nonzero"),
        ]
        for options, said in cases:
            with pytest.raises(ValueError, match=said):
                sparse_encode(X, D, **options)

    def test_arrays(self, problem):
        X, D = problem
        spoiled = D.copy()
        spoiled[3] = 0
        with pytest.raises(ValueError, match="atom 3 is"):
            sparse_encode(X, spoiled)
        with pytest.raises(ValueError, match="features"):
            sparse_encode(X[:, 1:], D)

    def test_zero_samples(self, problem):
        _, D = problem
        for options in (
            {"alpha": 1.0},
            {"n_nonzero": 3},
            {"alpha": 1.0, "penalty": "l1", "algorithm": "homotopy"},
            {"alpha": 1.0, "algorithm": "ista"},
        ):
            assert not sparse_encode(np.zeros((2, 20)), D, **options).any()
