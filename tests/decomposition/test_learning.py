"""Dictionary learning: recovery, monotony, steering, streams."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sparsesci.datasets import make_sparse_codes
from sparsesci.decomposition import DictionaryLearning, MiniBatchDictionaryLearning, SparseCoder, penalty, sparse_encode
from sparsesci.decomposition._learning import update_atoms
from tests.common.results import fitted_state
from tests.helpers import Interrupt

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def recovered(found, true, threshold=0.99):
    """Return the share of the true atoms that have a near copy."""
    return np.mean(np.abs(true @ found.T).max(axis=1) > threshold)


@pytest.fixture(scope="module")
def problem():
    return make_sparse_codes(1500, 20, 12, n_nonzero=2, random_state=0)


class TestBatch:
    def test_recovers_the_dictionary(self, problem):
        learner = DictionaryLearning(20, algorithm="ormp", n_nonzero=2, random_state=1).fit(problem.X)
        assert recovered(learner.components_, problem.dictionary) >= 0.8
        assert learner.error_[-1] < 0.2 * learner.error_[0]
        assert len(learner.error_) == learner.n_iter_
        assert_allclose(np.linalg.norm(learner.components_, axis=1), 1)
        assert_allclose(learner.usage_.sum(), 2, rtol=1e-2)

    @pytest.mark.parametrize("name", ["l1", "l0", "half", "cel0", "mcp", "log"])
    def test_every_penalty(self, problem, name):
        learner = DictionaryLearning(20, penalty=name, alpha=0.1, max_iter=15, random_state=0).fit(problem.X[:400])
        assert learner.error_[-1] < learner.error_[0]
        codes = learner.transform(problem.X[:10])
        expected = sparse_encode(problem.X[:10], learner.components_, penalty=name, alpha=0.1)
        assert_allclose(codes, expected)
        assert_allclose(learner.inverse_transform(codes), codes @ learner.components_)

    def test_atoms_are_updated_one_after_the_other(self):
        rng = np.random.default_rng(0)
        X, R, D = rng.standard_normal((30, 6)), rng.standard_normal((30, 4)), rng.standard_normal((4, 6))
        D /= np.linalg.norm(D, axis=1, keepdims=True)
        expected = D.copy()
        for j in range(4):
            rest = X - R @ expected + np.outer(R[:, j], expected[j])
            atom = R[:, j] @ rest
            expected[j] = atom / np.linalg.norm(atom)
        update_atoms(D, R.T @ R, R.T @ X)
        assert_allclose(D, expected)

    @pytest.mark.parametrize("target", [1.5, 4.0])
    @pytest.mark.parametrize("learner", [DictionaryLearning, MiniBatchDictionaryLearning])
    def test_target(self, problem, learner, target):
        fitted = learner(20, penalty="l1", target_nnz=target, max_iter=30, random_state=0).fit(problem.X[:600])
        count = np.count_nonzero(fitted.transform(problem.X[:600])) / 600
        assert abs(count - target) < 0.1 * target
        assert fitted.alpha_ != 1

    @pytest.mark.parametrize("init", ["data", "random", "svd"])
    def test_inits(self, problem, init):
        fitted = DictionaryLearning(20, n_nonzero=2, dict_init=init, max_iter=5, random_state=5).fit(problem.X[:300])
        assert fitted.components_.shape == (20, 12)
        assert fitted.error_[-1] < fitted.error_[0]

    def test_init_given(self, problem):
        fitted = DictionaryLearning(n_nonzero=2, dict_init=3 * problem.dictionary).fit(problem.X)
        assert fitted.error_[0] < 0.03
        assert recovered(fitted.components_, problem.dictionary) == 1

    def test_more_atoms_than_samples(self):
        X = np.random.default_rng(0).standard_normal((5, 4))
        fitted = DictionaryLearning(9, n_nonzero=1, random_state=0).fit(X)
        assert np.isfinite(fitted.components_).all()
        assert fitted.error_[-1] < 0.05

    def test_zero_samples(self):
        fitted = DictionaryLearning(3, random_state=0, max_iter=2).fit(np.zeros((6, 4)))
        assert not fitted.transform(np.zeros((6, 4))).any()

    def test_bad_options(self, problem):
        X = problem.X[:50]
        for options, said in (
            ({"n_components": 5, "dict_init": problem.dictionary}, "dict_init"),
            ({"dict_init": problem.dictionary[:, 1:]}, "dict_init"),
            ({"n_nonzero": 2, "target_nnz": 2.0}, "target_nnz"),
            ({"target_nnz": 0.0}, "target_nnz"),
            ({"penalty": penalty.MCP(gamma=0.5)}, "gamma"),
        ):
            with pytest.raises(ValueError, match=said):
                DictionaryLearning(**options).fit(X)

    def test_says_that_it_did_not_converge(self, problem):
        with pytest.warns(ConvergenceWarning, match="iterations"):
            DictionaryLearning(20, n_nonzero=2, max_iter=1, random_state=0).fit(problem.X[:100])


class TestBatches:
    def test_recovers_the_dictionary(self, problem):
        learner = MiniBatchDictionaryLearning(20, algorithm="ormp", n_nonzero=2, max_iter=300, random_state=3)
        learner.fit(problem.X)
        assert recovered(learner.components_, problem.dictionary) >= 0.8
        assert np.mean(learner.error_[-10:]) < 0.2 * learner.error_[0]

    def test_hebbian_rule(self, problem):
        """One batch is D + eta R^T (X - R D), normalised; many of them learn."""
        X, D = problem.X[:100], problem.dictionary
        options = {"algorithm": "ista", "step": 0.05, "alpha": 0.05, "update": "hebbian", "dict_init": D + 0.1}
        learner = MiniBatchDictionaryLearning(learning_rate=0.02, **options).partial_fit(X)
        start = (D + 0.1) / np.linalg.norm(D + 0.1, axis=1, keepdims=True)
        codes = sparse_encode(X, start, algorithm="ista", step=0.05, alpha=0.05, tol=1e-2)
        expected = start + 0.02 * codes.T @ (X - codes @ start)
        assert_allclose(learner.components_, expected / np.linalg.norm(expected, axis=1, keepdims=True))
        for _ in range(30):
            learner.partial_fit(X)
        assert learner.error_[-1] < 0.7 * learner.error_[0]

    def test_decay(self, problem):
        X = problem.X[:100]
        options = {"algorithm": "ista", "step": 0.2, "alpha": 0.1, "update": "hebbian", "learning_rate": 0.01}
        fixed = MiniBatchDictionaryLearning(20, random_state=0, **options).partial_fit(X)
        falling = MiniBatchDictionaryLearning(20, random_state=0, step_decay=True, **options).partial_fit(X)
        assert (fixed.components_ == falling.components_).all()
        assert (fixed.partial_fit(X).components_ != falling.partial_fit(X).components_).any()
        with pytest.raises(ValueError, match="step_decay"):
            MiniBatchDictionaryLearning(20, step_decay=True).fit(X)

    def test_moments_fade(self, problem):
        X = problem.X[:60]
        learner = MiniBatchDictionaryLearning(20, n_nonzero=2, forgetting=0.5, dict_init=problem.dictionary)
        learner.partial_fit(X[:30]).partial_fit(X[30:])
        first = sparse_encode(X[:30], problem.dictionary, n_nonzero=2)
        after = MiniBatchDictionaryLearning(n_nonzero=2, dict_init=problem.dictionary).partial_fit(X[:30]).components_
        second = sparse_encode(X[30:], after, n_nonzero=2)
        assert_allclose(learner._state["second"], 0.5 * first.T @ first + second.T @ second)
        assert learner.n_iter_ == 2

    def test_unused_atoms_are_replaced(self):
        X, D, _ = make_sparse_codes(400, 8, 6, n_nonzero=1, random_state=0)
        useless = np.concatenate([D, np.tile(D[:1] + 1e-6, (2, 1))])
        fitted = MiniBatchDictionaryLearning(
            n_nonzero=1, dict_init=useless, max_iter=200, forgetting=0.5, random_state=0
        )
        fitted.fit(X + 0.01)
        assert np.abs(fitted.components_ @ fitted.components_.T - np.eye(10)).max() <= 1 + 1e-9
        assert not np.allclose(fitted.components_[-2:], useless[-2:] / np.linalg.norm(useless[-2:], axis=1)[:, None])

    def test_stream_state(self, problem):
        """Copies go on alike and independently; a bad batch or an interrupt leaves the learner as it was."""
        X = problem.X
        learner = MiniBatchDictionaryLearning(20, n_nonzero=2, random_state=0).partial_fit(X[:100])
        before = fitted_state(learner)
        copies = [copy.deepcopy(learner), pickle.loads(pickle.dumps(learner))]
        results = [one.partial_fit(X[100:200]).components_ for one in copies]
        assert fitted_state(learner) == before
        for bad in (X[:5, 1:], np.full((3, 12), np.nan), X[0]):
            with pytest.raises(ValueError, match=r"X|array|features"):
                learner.partial_fit(bad)
        learner.set_params(update="nonsense")
        with pytest.raises(ValueError, match="update"):
            learner.partial_fit(X[:5])
        learner.set_params(update="block")
        assert fitted_state(learner) == before
        with Interrupt() as counted:
            copy.deepcopy(learner).partial_fit(X[100:200])
        for at in range(1, counted.places, max(1, counted.places // 25)):
            with Interrupt(at) as interrupt, pytest.raises(KeyboardInterrupt):
                learner.partial_fit(X[100:200])
            assert interrupt.delivered
            assert fitted_state(learner) == before
        assert (learner.partial_fit(X[100:200]).components_ == results[0]).all()
        assert (results[0] == results[1]).all()


class TestCoder:
    def test_is_the_function(self, problem):
        X, D, _ = problem
        for options in (
            {"alpha": 0.3},
            {"n_nonzero": 3, "algorithm": "ormp"},
            {"alpha": 0.2, "penalty": "l1", "debias": True},
        ):
            coder = SparseCoder(D, **options).fit(X)
            assert (coder.transform(X[:20]) == sparse_encode(X[:20], D, **options)).all()

    def test_cosines(self):
        coder = SparseCoder(n_nonzero=1).fit(np.ones((2, 8)))
        assert coder.components_.shape == (16, 8)
        assert_allclose(np.linalg.norm(coder.components_, axis=1), 1)
        assert_allclose(coder.inverse_transform(coder.transform(np.ones((1, 8)))), np.ones((1, 8)))

    def test_refuses(self, problem):
        with pytest.raises(ValueError, match="dictionary"):
            SparseCoder("wavelets").fit(problem.X)
        with pytest.raises(ValueError, match="features"):
            SparseCoder(problem.dictionary[:, 1:]).fit(problem.X)
        with pytest.raises(ValueError, match="columns"):
            SparseCoder(problem.dictionary).fit(problem.X).inverse_transform(np.ones((2, 3)))
