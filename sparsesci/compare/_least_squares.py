"""Registered comparisons: least squares to machine precision, and sketched regression in one pass."""

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
import scipy.stats
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import (
    load_image_regression,
    make_least_squares,
    make_linf_hard_instance,
    make_sparse_regression,
)

# -- Least squares to machine precision


def backward_error(problem, x):
    """Return the Karlson-Walden estimate of the backward error of x, relative to the Frobenius norm of A.

    With the singular values and right vectors of A itself, from QR and SVD in double precision: the same yardstick for
    all contenders, and nothing that any of them computed.
    """
    A, b = problem.A, problem.b
    residual = b - A @ x
    frobenius = np.linalg.norm(problem.singular_values)
    theta = frobenius / np.linalg.norm(b)
    weight = 1.0 + theta**2 * (x @ x)
    shift = theta**2 * (residual @ residual) / weight
    gradient = problem.right_vectors @ (A.T @ residual)
    scaled = gradient / np.sqrt(problem.singular_values**2 + shift)
    return float(np.linalg.norm(scaled) * theta / np.sqrt(weight) / frobenius)


def coefficient_error(problem, x):
    """Return the relative Euclidean error of the coefficients against the known minimiser."""
    return float(np.linalg.norm(x - problem.coef) / np.linalg.norm(problem.coef))


def _with_spectrum(A, b, coef):
    r = np.linalg.qr(A.toarray() if scipy.sparse.issparse(A) else A, mode="r")
    _, singular_values, right_vectors = scipy.linalg.svd(r)
    return Bunch(A=A, b=b, coef=coef, singular_values=singular_values, right_vectors=right_vectors)


def _dense_problem(n, d, cond):
    def make(seed):
        A, b, coef = make_least_squares(n, d, cond=cond, residual_norm=1e-6, random_state=seed, return_coef=True)
        return _with_spectrum(A, b, coef)

    return make


def _sparse_problem(n, d, difference_order):
    def make(seed):
        A, b, coef = make_sparse_regression(
            n, d, difference_order=difference_order, noise=0.0, random_state=seed, return_coef=True
        )
        # A residual orthogonal to the range, so that the minimiser is known.
        noise = 0.1 * np.random.default_rng(seed).standard_normal(n)
        q = np.linalg.qr(A.toarray())[0]
        for _ in range(2):
            noise -= q @ (q.T @ noise)
        return _with_spectrum(A, b + noise, coef)

    return make


def _ours(method):
    def prepare(problem, n_jobs):
        from sparsesci.sketching import sketched_lstsq

        return lambda seed: sketched_lstsq(problem.A, problem.b, method=method, random_state=seed, n_jobs=n_jobs)

    return prepare


def _scipy_lstsq(driver):
    def prepare(problem, n_jobs):
        return lambda seed: scipy.linalg.lstsq(problem.A, problem.b, lapack_driver=driver)[0]

    return prepare


def _scipy_lstsq_dense(problem, n_jobs):
    return lambda seed: scipy.linalg.lstsq(problem.A.toarray(), problem.b)[0]


def _numpy_lstsq(problem, n_jobs):
    return lambda seed: np.linalg.lstsq(problem.A, problem.b, rcond=None)[0]


def _normal_equations(problem, n_jobs):
    def call(seed):
        gram = problem.A.T @ problem.A
        gram = gram.toarray() if scipy.sparse.issparse(gram) else gram
        return scipy.linalg.solve(gram, problem.A.T @ problem.b, assume_a="pos")

    return call


def _linear_regression(problem, n_jobs):
    from sklearn.linear_model import LinearRegression

    return lambda seed: LinearRegression(fit_intercept=False, n_jobs=n_jobs).fit(problem.A, problem.b).coef_


def _krylov(name):
    def prepare(problem, n_jobs):
        solver = getattr(scipy.sparse.linalg, name)
        limit = {"iter_lim": 20 * problem.A.shape[1]} if name == "lsqr" else {"maxiter": 20 * problem.A.shape[1]}
        return lambda seed: solver(problem.A, problem.b, atol=1e-15, btol=1e-15, conlim=0, **limit)[0]

    return prepare


_UNSAFE = "unsafe: squares the condition number, and fails without notice"
_SOLVER_METRICS = (
    Metric("coefficient error", "relative Euclidean error against the known minimiser", coefficient_error),
    Metric(
        "backward error",
        "Karlson-Waldén estimate relative to the Frobenius norm of A, with the true singular values",
        backward_error,
    ),
)
_NORMAL_EQUATIONS = Contender("normal equations (unsafe)", "scipy", _normal_equations, note=_UNSAFE)
_DENSE_SOLVERS = (
    Contender("sketched_lstsq", "sparsesci", _ours("auto"), OURS, True),
    Contender("sketched_lstsq, FOSSILS", "sparsesci", _ours("fossils"), OURS, True),
    Contender("scipy lstsq, gelsd", "scipy", _scipy_lstsq("gelsd"), note="SciPy's default"),
    Contender("scipy lstsq, gelsy", "scipy", _scipy_lstsq("gelsy")),
    Contender("numpy lstsq", "numpy", _numpy_lstsq),
    Contender(
        "LinearRegression",
        "sklearn",
        _linear_regression,
        note="without intercept; its default tol is a rank cut-off as well",
    ),
    _NORMAL_EQUATIONS,
)
_SPARSE_SOLVERS = (
    Contender("sketched_lstsq", "sparsesci", _ours("auto"), OURS, True),
    Contender("lsqr", "scipy", _krylov("lsqr"), note="tolerances 1e-15, at most 20 d iterations"),
    Contender("lsmr", "scipy", _krylov("lsmr"), note="tolerances 1e-15, at most 20 d iterations"),
    Contender("scipy lstsq, made dense", "scipy", _scipy_lstsq_dense),
    _NORMAL_EQUATIONS,
)


def _solver_cases(size):
    dense_sizes = ((2**14, 100),) if size == "quick" else ((2**17, 100), (2**16, 300))
    sparse_n, sparse_d = (2**14, 100) if size == "quick" else (2**18, 200)
    dense = [
        Case(
            f"Dense A, {n} × {d}, condition number {cond:.0e}",
            _dense_problem(n, d, cond),
            _DENSE_SOLVERS,
            _SOLVER_METRICS,
            {"n": n, "d": d, "condition number": cond},
        )
        for n, d in dense_sizes
        for cond in ((1e3, 1e8) if size == "quick" else (1e3, 1e8, 1e12))
    ]
    sparse = [
        Case(
            f"Sparse A (CSR), {sparse_n} × {sparse_d}, {description}",
            _sparse_problem(sparse_n, sparse_d, order),
            _SPARSE_SOLVERS,
            _SOLVER_METRICS,
            {"n": sparse_n, "d": sparse_d, "differences": order},
        )
        for order, description in ((0, "well conditioned"), (2, "columns differenced twice"))
    ]
    return (*dense, *sparse)


# -- Sketched regression in one pass


def linf_error(problem, output):
    """Return the largest error of a coefficient against the exact solution."""
    return float(np.abs(output.coef - problem.coef).max())


def claimed_bound(problem, output):
    """Return the bound on the largest error that the contender itself gives, NaN if it gives none."""
    return np.nan if output.bound is None else float(output.bound)


def bound_holds(problem, output):
    """Return 1.0 if the error is within the contender's own bound, NaN for a contender that never gives one.

    0.0 if it is not; a contender whose sketch was singular, so that it has no bound (NaN), has missed as well.
    """
    if output.bound is None:
        return np.nan
    # The exact solution is itself known to rounding only.
    return float(linf_error(problem, output) <= output.bound + 1e-12 * np.abs(problem.coef).max())


def residual_excess(problem, output):
    """Return by how much the squared residual norm exceeds the least one, relative to it."""
    # The residuals differ by A times the error, which is orthogonal to the least residual: no cancellation.
    excess = problem.factor @ np.append(output.coef - problem.coef, output.intercept - problem.intercept)
    return float(excess @ excess) / problem.residual_norm**2


def _image_problem(columns, radius, chunk_rows, n_components):
    def make(seed):
        from sklearn.datasets import load_sample_image

        picture = load_sample_image("china.jpg")[:, :columns]
        chunks = list(load_image_regression(picture, radius=radius, chunk_rows=chunk_rows))
        y = np.concatenate([target for _, target in chunks])
        X = np.column_stack([np.concatenate([rows for rows, _ in chunks]), np.ones(len(y))])
        solution = scipy.linalg.lstsq(X, y, lapack_driver="gelsy")[0]
        return Bunch(
            chunks=chunks,
            n=len(y),
            n_components=n_components,
            coef=solution[:-1],
            intercept=solution[-1],
            factor=np.linalg.qr(X, mode="r"),
            residual_norm=np.linalg.norm(y - X @ solution),
        )

    return make


def _coefficients(coef, intercept=0.0, bound=None):
    return Bunch(coef=coef, intercept=intercept, bound=bound)


def _our_stream(kind):
    def prepare(problem, n_jobs):
        from sparsesci.sketching import SketchedRegression

        def call(seed):
            model = SketchedRegression(
                problem.n_components, sketch=kind, n_max=problem.n, random_state=seed, n_jobs=n_jobs
            )
            for X, y in problem.chunks:
                model.partial_fit(X, y)
            return _coefficients(model.coef_, model.intercept_, model.linf_bound_ if model.linf_certified_ else None)

        return call

    return prepare


def _sgd_stream(problem, n_jobs):
    from sklearn.linear_model import SGDRegressor

    def call(seed):
        model = SGDRegressor(alpha=0.0, random_state=seed)
        for X, y in problem.chunks:
            model.partial_fit(X, y)
        return _coefficients(model.coef_, model.intercept_[0])

    return call


def _linear_regression_whole(problem, n_jobs):
    from sklearn.linear_model import LinearRegression

    def call(seed):
        X = np.concatenate([rows for rows, _ in problem.chunks])
        y = np.concatenate([target for _, target in problem.chunks])
        model = LinearRegression(n_jobs=n_jobs).fit(X, y)
        return _coefficients(model.coef_, model.intercept_)

    return call


def _normal_equations_stream(problem, n_jobs):
    def call(seed):
        d = len(problem.coef) + 1
        gram, moment = np.zeros((d, d)), np.zeros(d)
        for X, y in problem.chunks:
            augmented = np.column_stack([X, np.ones(len(y))])
            gram += augmented.T @ augmented
            moment += augmented.T @ y
        solution = scipy.linalg.solve(gram, moment, assume_a="pos")
        return _coefficients(solution[:-1], solution[-1])

    return call


def _subsample_stream(problem, n_jobs):
    def call(seed):
        chosen = np.sort(np.random.default_rng(seed).choice(problem.n, problem.n_components, replace=False))
        rows, targets, start = [], [], 0
        for X, y in problem.chunks:
            local = chosen[(chosen >= start) & (chosen < start + len(y))] - start
            rows.append(X[local])
            targets.append(y[local])
            start += len(y)
        X = np.concatenate(rows)
        solution, bound = _subsample_fit(np.column_stack([X, np.ones(len(X))]), np.concatenate(targets), problem.n, 1)
        return _coefficients(solution[:-1], solution[-1], bound)

    return call


def _subsample_fit(X, y, n, n_unbounded=0):
    """Return least-squares coefficients from m of n rows, and the textbook bound on their distance to all rows' ones.

    Simultaneous 95 % intervals of ordinary least squares (Bonferroni) with the factor of finite populations, for all
    coefficients but the last ``n_unbounded``.
    """
    m, d = X.shape
    solution, _, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    if rank < d:
        return solution, np.nan
    spread = np.linalg.norm(y - X @ solution) / np.sqrt(m - d)
    inverse = np.linalg.inv(np.linalg.qr(X, mode="r"))
    errors = spread * np.linalg.norm(inverse, axis=1) * np.sqrt(1.0 - m / n)
    bounded = d - n_unbounded
    return solution, errors[:bounded].max() * scipy.stats.t.ppf(1.0 - 0.05 / (2 * bounded), m - d)


_LINF_ERROR = Metric("l_inf error", "largest error of a coefficient against the solution on all rows", linf_error)
_BOUND = Metric("claimed bound", "the method's own 95 % bound on that error", claimed_bound)
_BOUND_HOLDS = Metric("bound holds", "fraction of draws in which it holds", bound_holds, "mean", log=False)
_STREAMING = (
    Contender("SketchedRegression, SRHT", "sparsesci", _our_stream("srht"), OURS, True),
    Contender("SketchedRegression, sparse sign", "sparsesci", _our_stream("sparse_sign"), OURS, True),
    Contender(
        "uniform rows + least squares",
        "numpy",
        _subsample_stream,
        randomised=True,
        note="as many rows as the sketch has; textbook intervals",
    ),
    Contender("SGDRegressor, one pass", "sklearn", _sgd_stream, randomised=True, note="default steps, no penalty"),
    Contender("LinearRegression, all rows", "sklearn", _linear_regression_whole, note="needs all rows in memory"),
    Contender("normal equations (unsafe)", "numpy", _normal_equations_stream, note=_UNSAFE),
)


# -- The instances on which l_inf guarantees are decided


def _hard_problem(kind, n, d, m):
    def make(seed):
        A, b = make_linf_hard_instance(kind, n, d, m)
        # Not zero, which a singular sketch would find by chance: its least-norm solution.
        coef = np.ones(d)
        return Bunch(A=A, b=b + A @ coef, coef=coef, n_components=m)

    return make


def _our_regression(kind):
    def prepare(problem, n_jobs):
        from sparsesci.sketching import SketchedRegression

        def call(seed):
            model = SketchedRegression(
                problem.n_components, sketch=kind, fit_intercept=False, random_state=seed, n_jobs=n_jobs
            ).fit(problem.A, problem.b)
            singular = model.rank_ < problem.A.shape[1]
            return _coefficients(model.coef_, bound=np.nan if singular else model.linf_bound_)

        return call

    return prepare


def _clarkson_woodruff_lstsq(problem, n_jobs):
    joined = np.column_stack([problem.A, problem.b])

    def call(seed):
        sketched = scipy.linalg.clarkson_woodruff_transform(joined, problem.n_components, seed)
        return _coefficients(np.linalg.lstsq(sketched[:, :-1], sketched[:, -1], rcond=None)[0])

    return call


def _uniform_rows_lstsq(problem, n_jobs):
    def call(seed):
        n = len(problem.b)
        chosen = np.random.default_rng(seed).choice(n, problem.n_components, replace=False)
        return _coefficients(*_uniform_fit(problem.A[chosen], problem.b[chosen], n))

    return call


def _uniform_fit(X, y, n):
    solution, bound = _subsample_fit(X, y, n)
    return solution, 0.0, bound


def scaled_linf_error(problem, output):
    """Return sqrt(m) times the largest error of a coefficient."""
    return float(np.sqrt(problem.n_components)) * linf_error(problem, output)


_HARD_METRICS = (
    Metric(
        "√m · l_inf error",
        "largest error of a coefficient times the root of the sketch size; residual and pseudo-inverse have norm 1",
        scaled_linf_error,
        log=False,
    ),
    Metric(
        "bound holds",
        "fraction of draws in which all coefficients are within 95 % intervals; a singular sketch has missed",
        bound_holds,
        "mean",
        log=False,
    ),
)
_HARD_CONTENDERS = (
    Contender("SRHT", "sparsesci", _our_regression("srht"), OURS, True),
    Contender(
        "sparse sign, s = 8", "sparsesci", _our_regression("sparse_sign"), OURS, True, "not certified: shown to fail"
    ),
    Contender("CountSketch", "sparsesci", _our_regression("countsketch"), OURS, True, "not certified: shown to fail"),
    Contender("clarkson_woodruff_transform + lstsq", "scipy", _clarkson_woodruff_lstsq, randomised=True),
    Contender("uniform rows + least squares", "numpy", _uniform_rows_lstsq, randomised=True),
)
# As slow as all the others together, so not for the quick size.
_HARD_GAUSSIAN = Contender("Gaussian", "sparsesci", _our_regression("gaussian"), OURS, True)
_HARD_TITLES = {
    "spread": "residual spread below the identity",
    "spike": "residual a single spike",
    "pairs": "residual in pairs of rows",
}


def _regression_cases(size):
    columns, draws = (320, 20) if size == "quick" else (640, 100)
    radius, chunk_rows, m = 2, 16384, 1024
    n, d = (427 - 2 * radius) * (columns - 2 * radius), 3 * ((2 * radius + 1) ** 2 - 1)
    image = Case(
        f"Pixels of a photograph on their neighbourhoods, {n} × {d} in chunks of {chunk_rows}",
        _image_problem(columns, radius, chunk_rows, m),
        _STREAMING,
        (
            _LINF_ERROR,
            _BOUND,
            _BOUND_HOLDS,
            Metric("residual excess", "relative excess of the squared residual norm over the least", residual_excess),
        ),
        {"n": n, "d": d, "m": m, "chunk": chunk_rows},
    )
    n, d, m = 4096, 64, 1024
    contenders = _HARD_CONTENDERS if size == "quick" else (*_HARD_CONTENDERS, _HARD_GAUSSIAN)
    hard = [
        Case(
            f"Hard instance: {title}, {n} × {d}",
            _hard_problem(kind, n, d, m),
            contenders,
            _HARD_METRICS,
            {"n": n, "d": d, "m": m},
            rounds=draws,
        )
        for kind, title in _HARD_TITLES.items()
    ]
    return (image, *hard)


COMPARISONS = (
    Comparison(
        "sketched_lstsq",
        "least squares to machine precision",
        "How fast is a dense or sparse tall least-squares problem solved, and how accurately?",
        "none published",
        _solver_cases,
    ),
    Comparison(
        "sketched_regression",
        "regression in one pass over chunks, with a bound on every coefficient",
        "How far is each coefficient from the solution on all rows, and does the method's own bound tell?",
        "none published (the paper is theory, without experiments)",
        _regression_cases,
    ),
)
