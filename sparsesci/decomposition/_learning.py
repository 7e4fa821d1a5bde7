"""Dictionary learning with any penalty: all samples at once, or batch by batch."""

import copy
import dataclasses
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import validate_data

from sparsesci._core.progress import progress_bar
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.decomposition._coder import DTYPES, CodingMixin
from sparsesci.decomposition._encode import check_dictionary, encode

_LEARNING_TOLERANCE = 1e-2
_CODE_TOLERANCE = 1e-4
_CODE_ITERATIONS = 1000
_INITS = ("data", "random", "svd")
_STEERING_SAMPLES = 1000
_PURSUITS = ("omp", "ormp")


def unit_rows(D):
    """Return the rows divided by their norms; zero rows stay zero."""
    norms = np.linalg.norm(D, axis=1, keepdims=True)
    return D / np.where(norms > 0, norms, 1)


def random_patches(X, n, rng):
    """Return n normalised samples, distinct while there are enough that are not zero, else with normal ones."""
    usable = np.flatnonzero(np.linalg.norm(X, axis=1) > 0)
    chosen = X[rng.permutation(usable)[:n]]
    missing = rng.standard_normal((n - len(chosen), X.shape[1]))
    return unit_rows(np.concatenate([chosen, missing.astype(X.dtype)]))


def initial_dictionary(init, X, n_components, rng):
    """Return atoms of norm one to begin with."""
    if not isinstance(init, str):
        return unit_rows(init.astype(X.dtype))
    if init == "random":
        return unit_rows(rng.standard_normal((n_components, X.shape[1]))).astype(X.dtype)
    if init == "data":
        return random_patches(X, n_components, rng)
    with single_threaded_blas():
        directions = np.linalg.svd(X, full_matrices=False)[2][:n_components]
    return np.concatenate([directions, random_patches(X, n_components - len(directions), rng)])


def update_atoms(D, second_moments, cross):
    """Minimise over one atom after the other: d_j += (B_j - A_j D) / A_jj, then norm one. Works in place.

    The code's scale belongs to the atom's norm, which is fixed; atoms that no sample uses are left alone.
    """
    for j in np.flatnonzero(np.diagonal(second_moments) > 0):
        atom = D[j] + (cross[j] - second_moments[j] @ D) / second_moments[j, j]
        norm = np.linalg.norm(atom)
        if norm > 0:
            D[j] = atom / norm


def relative_error(X, codes, D):
    """Return the squared error of the codes as a share of the energy of the samples."""
    energy = float(np.sum(np.square(X, dtype=np.float64)))
    return float(np.sum(np.square(X - codes @ D, dtype=np.float64))) / energy if energy > 0 else 0.0


def steered(alpha, nnz, target):
    """Return a weight that brings the number of atoms per code nearer to the target."""
    return alpha * float(np.clip((nnz + 0.1) / (target + 0.1), 0.5, 2.0)) ** 0.5


def weight_for(X, D, coder, target):
    """Return the weight at which codes have ``target`` atoms on average, by bisection of its logarithm."""
    low = high = coder.alpha

    def nnz(alpha):
        return np.count_nonzero(encode(X, D, dataclasses.replace(coder, alpha=alpha), quiet=True)) / len(X)

    for _ in range(12):
        if nnz(low) >= target:
            break
        high, low = low, low / 4
    for _ in range(12):
        if nnz(high) <= target:
            break
        low, high = high, high * 4
    for _ in range(14):
        middle = float(np.sqrt(low * high))
        count = nnz(middle)
        if abs(count - target) <= 0.01 * target:
            return middle
        low, high = (middle, high) if count > target else (low, middle)
    return float(np.sqrt(low * high))


class Learner(CodingMixin):
    """What both kinds of dictionary learning share."""

    def _checked(self):
        """Return the coder of learning and the options of learning, checked."""
        coder = self._coder(tol=_LEARNING_TOLERANCE, max_iter=_CODE_ITERATIONS, debias=False)
        self._coder(tol=_CODE_TOLERANCE, max_iter=_CODE_ITERATIONS)
        n_components = self.n_components
        if n_components is not None:
            n_components = check_integer("n_components", n_components, minimum=1)
        init = self.dict_init
        if isinstance(init, (str, type(None))):
            check_option("dict_init", init, _INITS)
        else:
            init = check_dictionary(init, "dict_init")
            if n_components not in (None, len(init)):
                raise ValueError(f"dict_init must have n_components={n_components} atoms; got {len(init)}")
            n_components = len(init)
        target = self.target_nnz
        if target is not None:
            target = check_real("target_nnz", target, minimum=0, exclusive=True)
            if coder.algorithm in _PURSUITS or coder.n_nonzero is not None:
                raise ValueError(f"target_nnz={target} steers alpha, which algorithm={coder.algorithm!r} does not use")
        check_integer("max_iter", self.max_iter, minimum=1)
        check_real("tol", self.tol, minimum=0)
        if not isinstance(self.verbose, bool):
            check_integer("verbose", self.verbose, minimum=0)
        return coder, n_components, init, target

    def _begin(self, X, n_components, init):
        rng = np.random.default_rng(key_from_random_state(self.random_state))
        if not isinstance(init, str) and init.shape[1] != X.shape[1]:
            raise ValueError(f"dict_init must have atoms of {X.shape[1]} features, as X; got {init.shape[1]}")
        return rng, initial_dictionary(init, X, n_components or X.shape[1], rng)

    def _transform_coder(self):
        return dataclasses.replace(self._coder(tol=_CODE_TOLERANCE, max_iter=_CODE_ITERATIONS), alpha=self.alpha_)

    def _draft(self):
        """Return an unfitted copy with the same parameters."""
        draft = copy.copy(self)
        for name in list(vars(draft)):
            if name == "_state" or (name.endswith("_") and not name.startswith("_")):
                del draft.__dict__[name]
        return draft


class DictionaryLearning(Learner):
    """Learn a dictionary in which samples have sparse codes, for any penalty.

    Alternates codes of all samples (by :func:`sparse_encode`) and minimisation over one atom after the other. Atoms
    have norm one; atoms that no sample uses are replaced by samples.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of atoms; None is the number of features.
    penalty : str or object, default="cel0"
        See :func:`sparse_encode`.
    alpha : float or None, default=None
        Weight of the penalty; None is 1.
    n_nonzero : int or None, default=None
        Number of atoms per code, for pursuits.
    eps : float or None, default=None
        Squared error at which pursuits stop.
    algorithm : {"auto", "ista", "fista", "cd", "omp", "ormp", "homotopy"}, default="auto"
    selection : {"auto", "cyclic", "greedy"}, default="auto"
    target_nnz : float or None, default=None
        If given, ``alpha`` is steered so that codes have so many atoms on average, and is where it begins.
    dict_init : {"data", "random", "svd"} or array-like of shape (n_components, n_features), default="data"
        Normalised samples, normal variates, leading singular vectors, or atoms that are then normalised.
    debias : bool, default=False
        Whether ``transform`` ends with least squares on the support. Learning does not.
    positive : bool, default=False
        Whether codes must not be negative.
    step : float or None, default=None
        Step of "ista" and "fista".
    max_iter : int, default=100
    tol : float, default=1e-4
        Relative change of the error below which learning stops.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). Results do not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where codes are computed.
    verbose : int, default=0

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Atoms of norm one.
    alpha_ : float
        The weight in the end.
    error_ : list of float
        Squared error of the codes over the energy of the samples, at every iteration.
    usage_ : ndarray of shape (n_components,)
        Share of the samples that used each atom, in the last iteration.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)

    Raises
    ------
    ValueError, TypeError
        In ``fit``, as :func:`sparse_encode`, and where options of learning are not valid.

    See Also
    --------
    MiniBatchDictionaryLearning : The same from batches, and the learning rule of the authors.

    Notes
    -----
    An iteration codes all n samples and takes O(n K P + K^2 P) for the atoms. Codes in learning stop at a tolerance of
    0.01, those of ``transform`` at 0.0001.

    References
    ----------
    J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 11,
    2010, arXiv:0908.0050, for the update of the atoms; I. Rentzeperis, L. Calatroni, L. U. Perrinet, D. Prandi, "Beyond
    l1 sparse coding in V1", 2023, arXiv:2301.10002, for the penalties.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_sparse_codes
    >>> from sparsesci.decomposition import DictionaryLearning
    >>> X, dictionary, codes = make_sparse_codes(300, 12, 16, n_nonzero=2, random_state=0)
    >>> learner = DictionaryLearning(12, n_nonzero=2, random_state=0).fit(X)
    >>> learner.transform(X).shape
    (300, 12)
    """

    def __init__(
        self,
        n_components=None,
        *,
        penalty="cel0",
        alpha=None,
        n_nonzero=None,
        eps=None,
        algorithm="auto",
        selection="auto",
        target_nnz=None,
        dict_init="data",
        debias=False,
        positive=False,
        step=None,
        max_iter=100,
        tol=1e-4,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.n_components = n_components
        self.penalty = penalty
        self.alpha = alpha
        self.n_nonzero = n_nonzero
        self.eps = eps
        self.algorithm = algorithm
        self.selection = selection
        self.target_nnz = target_nnz
        self.dict_init = dict_init
        self.debias = debias
        self.positive = positive
        self.step = step
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def fit(self, X, y=None):
        """Learn the dictionary.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : DictionaryLearning
        """
        coder, n_components, init, target = self._checked()
        draft = self._draft()
        X = validate_data(draft, X, dtype=DTYPES)
        rng, D = self._begin(X, n_components, init)
        errors, done, codes = [], False, None
        with progress_bar(total=self.max_iter, desc="dictionary", verbose=self.verbose) as bar:
            while len(errors) < self.max_iter and not done:
                codes = encode(X, D, coder, quiet=True)
                errors.append(relative_error(X, codes, D))
                done = len(errors) > 1 and abs(errors[-2] - errors[-1]) <= self.tol * errors[-2]
                if target is not None:
                    count = np.count_nonzero(codes) / len(X)
                    done = done and abs(count - target) <= 0.05 * target
                    coder = dataclasses.replace(coder, alpha=steered(coder.alpha, count, target))
                with single_threaded_blas():
                    update_atoms(D, codes.T @ codes, codes.T @ X)
                unused = np.flatnonzero(~codes.any(axis=0))
                if len(unused) and not done:
                    D[unused] = random_patches(X, len(unused), rng)
                bar.set_postfix(error=errors[-1], refresh=False)
                bar.update()
        if not done:
            warnings.warn(
                f"dictionary learning did not converge in {self.max_iter} iterations", ConvergenceWarning, stacklevel=2
            )
        if target is not None:
            sharp = dataclasses.replace(coder, tol=_CODE_TOLERANCE)
            chosen = rng.permutation(len(X))[:_STEERING_SAMPLES]
            coder = dataclasses.replace(coder, alpha=weight_for(X[chosen], D, sharp, target))
        draft.components_, draft.alpha_ = D, coder.alpha
        draft.error_, draft.n_iter_ = errors, len(errors)
        draft.usage_ = np.count_nonzero(codes, axis=0) / len(X)
        # All at once, so that a failed fit leaves a fitted object as it was.
        self.__dict__ = draft.__dict__
        return self


class MiniBatchDictionaryLearning(Learner):
    """Learn a dictionary from batches of samples, for any penalty.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of atoms; None is the number of features.
    penalty : str or object, default="cel0"
        See :func:`sparse_encode`.
    alpha : float or None, default=None
        Weight of the penalty; None is 1.
    n_nonzero : int or None, default=None
        Number of atoms per code, for pursuits.
    eps : float or None, default=None
        Squared error at which pursuits stop.
    algorithm : {"auto", "ista", "fista", "cd", "omp", "ormp", "homotopy"}, default="auto"
    selection : {"auto", "cyclic", "greedy"}, default="auto"
    target_nnz : float or None, default=None
        If given, ``alpha`` is steered so that codes have so many atoms on average, and is where it begins.
    dict_init : {"data", "random", "svd"} or array-like of shape (n_components, n_features), default="data"
    update : {"block", "hebbian"}, default="block"
        "block" minimises over one atom after the other from moments in which the past fades by ``forgetting``;
        "hebbian" adds ``learning_rate`` times the products of residuals and codes, as the authors' code does.
    batch_size : int, default=100
    forgetting : float in (0, 1], default=0.95
        Factor on the moments of earlier batches ("block").
    learning_rate : float, default=0.005
        For "hebbian".
    step_decay : bool, default=False
        Whether step v and learning rate fall as v / (1 + (v / 50) t) with the number t of batches, as the authors' code
        does for CEL0 with more than 500 atoms. As there, the thresholds keep the first step.
    debias : bool, default=False
        Whether ``transform`` ends with least squares on the support. Learning does not.
    positive : bool, default=False
        Whether codes must not be negative.
    step : float or None, default=None
        Step of "ista" and "fista".
    max_iter : int, default=100
        Number of batches that ``fit`` draws.
    tol : float, default=0.0
        ``fit`` stops when the moving average of the error changes by less than this share in ten batches.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). Results do not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where codes are computed.
    verbose : int, default=0

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Atoms of norm one.
    alpha_ : float
        The weight in the end.
    error_ : list of float
        Squared error of the codes over the energy of the samples, for every batch.
    usage_ : ndarray of shape (n_components,)
        Share of the samples that used each atom, the past fading by ``forgetting``.
    n_iter_ : int
        Number of batches.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)

    Raises
    ------
    ValueError, TypeError
        In ``fit`` and ``partial_fit``, as :func:`sparse_encode`, and where options of learning are not valid.

    See Also
    --------
    DictionaryLearning : The same with all samples in every iteration.

    References
    ----------
    I. Rentzeperis, L. Calatroni, L. U. Perrinet, D. Prandi, "Beyond l1 sparse coding in V1", 2023, arXiv:2301.10002,
    and the code of the authors, for "hebbian"; J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online learning for matrix
    factorization and sparse coding", 2010, arXiv:0908.0050, for "block".

    Examples
    --------
    >>> from sparsesci.datasets import make_sparse_codes
    >>> from sparsesci.decomposition import MiniBatchDictionaryLearning
    >>> X, dictionary, codes = make_sparse_codes(600, 12, 16, n_nonzero=2, random_state=0)
    >>> learner = MiniBatchDictionaryLearning(12, n_nonzero=2, random_state=0).fit(X)
    >>> learner.components_.shape
    (12, 16)
    """

    def __init__(
        self,
        n_components=None,
        *,
        penalty="cel0",
        alpha=None,
        n_nonzero=None,
        eps=None,
        algorithm="auto",
        selection="auto",
        target_nnz=None,
        dict_init="data",
        update="block",
        batch_size=100,
        forgetting=0.95,
        learning_rate=0.005,
        step_decay=False,
        debias=False,
        positive=False,
        step=None,
        max_iter=100,
        tol=0.0,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.n_components = n_components
        self.penalty = penalty
        self.alpha = alpha
        self.n_nonzero = n_nonzero
        self.eps = eps
        self.algorithm = algorithm
        self.selection = selection
        self.target_nnz = target_nnz
        self.dict_init = dict_init
        self.update = update
        self.batch_size = batch_size
        self.forgetting = forgetting
        self.learning_rate = learning_rate
        self.step_decay = step_decay
        self.debias = debias
        self.positive = positive
        self.step = step
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def fit(self, X, y=None):
        """Learn the dictionary from ``max_iter`` random batches.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : MiniBatchDictionaryLearning
        """
        coder, n_components, init, target = self._checked()
        self._check_batches(coder)
        draft = self._draft()
        X = validate_data(draft, X, dtype=DTYPES)
        rng, D = self._begin(X, n_components, init)
        draft._start(D, coder, rng)
        order = np.empty(0, dtype=np.int64)
        size = min(self.batch_size, len(X))
        with progress_bar(total=self.max_iter, desc="batches", verbose=self.verbose) as bar:
            for _ in range(self.max_iter):
                if len(order) < size:
                    order = np.concatenate([order, rng.permutation(len(X))])
                draft._learn(X[order[:size]], coder, target)
                order = order[size:]
                bar.set_postfix(error=draft.error_[-1], refresh=False)
                bar.update()
                if self._settled(draft.error_):
                    break
        if target is not None:
            sharp = dataclasses.replace(coder, alpha=draft.alpha_, tol=_CODE_TOLERANCE)
            chosen = rng.permutation(len(X))[:_STEERING_SAMPLES]
            draft.alpha_ = weight_for(X[chosen], draft.components_, sharp, target)
        # All at once, so that a failed fit leaves a fitted object as it was.
        self.__dict__ = draft.__dict__
        return self

    def partial_fit(self, X, y=None):
        """Learn from one more batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch; ``batch_size`` plays no role.
        y : None
            Ignored.

        Returns
        -------
        self : MiniBatchDictionaryLearning
        """
        coder, n_components, init, target = self._checked()
        self._check_batches(coder)
        begun = hasattr(self, "_state")
        draft = copy.copy(self) if begun else self._draft()
        X = validate_data(draft, X, dtype=DTYPES, reset=not begun)
        if begun:
            draft._state = copy.deepcopy(self._state)
            draft.components_, draft.usage_ = self.components_.copy(), self.usage_.copy()
            draft.error_ = list(self.error_)
        else:
            rng, D = self._begin(X, n_components, init)
            draft._start(D, coder, rng)
        draft._learn(X.astype(draft.components_.dtype, copy=False), coder, target)
        self.__dict__ = draft.__dict__
        return self

    def _check_batches(self, coder):
        check_option("update", self.update, ("block", "hebbian"))
        check_integer("batch_size", self.batch_size, minimum=1)
        check_real("learning_rate", self.learning_rate, minimum=0, exclusive=True)
        if not check_real("forgetting", self.forgetting, minimum=0, maximum=1) > 0:
            raise ValueError(f"forgetting must be greater than 0; got {self.forgetting}")
        if not isinstance(self.step_decay, (bool, np.bool_)):
            raise TypeError(f"step_decay must be True or False; got {self.step_decay!r}")
        if self.step_decay and (self.step is None or coder.algorithm not in ("ista", "fista")):
            raise ValueError("step_decay=True needs algorithm='ista' or 'fista' and a step")

    def _settled(self, errors):
        if not self.tol or len(errors) < 20:
            return False
        before, now = np.mean(errors[-20:-10]), np.mean(errors[-10:])
        return abs(before - now) <= self.tol * before

    def _start(self, D, coder, rng):
        K = len(D)
        self.components_, self.alpha_ = np.array(D), coder.alpha
        self.error_, self.n_iter_, self.usage_ = [], 0, np.zeros(K)
        self._state = {"second": np.zeros((K, K)), "cross": np.zeros(D.shape), "weight": 0.0, "rng": rng}

    def _learn(self, X, coder, target):
        """Take one batch in; changes the arrays of this object."""
        D, state, t = self.components_, self._state, self.n_iter_
        threshold_step = None
        coder = dataclasses.replace(coder, alpha=self.alpha_)
        rate = self.learning_rate
        if self.step_decay:
            threshold_step = coder.step
            coder = dataclasses.replace(coder, step=coder.step / (1 + coder.step / 50 * t))
            rate = rate / (1 + rate / 50 * t)
        codes = encode(X, D, coder, threshold_step=threshold_step, quiet=True)
        self.error_.append(relative_error(X, codes, D))
        if target is not None:
            self.alpha_ = steered(self.alpha_, np.count_nonzero(codes) / len(X), target)
        used = np.count_nonzero(codes, axis=0)
        fade = self.forgetting
        total = fade * state["weight"] + len(X)
        self.usage_ = (fade * state["weight"] * self.usage_ + used) / total
        state["weight"] = total
        with single_threaded_blas():
            if self.update == "hebbian":
                D += (rate * (codes.T @ (X - codes @ D))).astype(D.dtype)
                D[:] = unit_rows(D)
            else:
                state["second"] = fade * state["second"] + codes.T @ codes
                state["cross"] = fade * state["cross"] + codes.T @ X
                update_atoms(D, state["second"], state["cross"])
                self._replace_unused(X)
        self.n_iter_ = t + 1

    def _replace_unused(self, X):
        """Replace atoms that no recent sample used by samples of this batch, at most a tenth of them at a time."""
        unused = np.flatnonzero(self.usage_ * self._state["weight"] < 1e-3)[: max(1, len(self.components_) // 10)]
        if len(unused) and self.n_iter_ % 10 == 9:
            self.components_[unused] = random_patches(X, len(unused), self._state["rng"])
            for moments in (self._state["second"], self._state["second"].T, self._state["cross"]):
                moments[unused] = 0
