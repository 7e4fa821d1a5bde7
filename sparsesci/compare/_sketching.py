"""Registered comparisons: Walsh-Hadamard transform, sketching of rows, random projection of features."""

import numpy as np
import scipy.linalg
import scipy.sparse
from sklearn.metrics import euclidean_distances
from sklearn.utils import Bunch

from sparsesci.compare._model import FLOOR, OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import (
    load_digits_regression,
    make_gaussian_regression,
    make_linf_hard_instance,
    make_sparse_regression,
)

_NONE_PUBLISHED = "none published"


# -- Walsh-Hadamard transform


def reference_fwht(x):
    """Return the transform along the last axis by plain NumPy butterflies in the longest floating-point type."""
    y = np.array(x, dtype=np.longdouble)
    n, half = y.shape[-1], 1
    while half < n:
        pairs = y.reshape(*y.shape[:-1], n // (2 * half), 2, half)
        y = np.stack([pairs[..., 0, :] + pairs[..., 1, :], pairs[..., 0, :] - pairs[..., 1, :]], axis=-2)
        y = y.reshape(x.shape)
        half *= 2
    return y


def _transform_error(problem, output):
    if output.transformed is None:
        return np.nan
    expected = problem.expected
    return float(np.linalg.norm((output.transformed - expected).ravel()) / np.linalg.norm(expected.ravel()))


def _fwht_problem(shape):
    def make(seed):
        x = np.random.default_rng(seed).standard_normal(shape)
        return Bunch(x=x, expected=reference_fwht(x).astype(np.float64))

    return make


def _transform(values):
    return Bunch(transformed=values)


def _our_fwht(problem, n_jobs):
    from sparsesci.sketching import fwht

    return lambda seed: _transform(fwht(problem.x, workers=n_jobs))


def _our_fwht_in_place(problem, n_jobs):
    from sparsesci.sketching import fwht

    x, scale = problem.x.copy(), np.sqrt(problem.x.shape[-1])
    first = fwht(x.copy(), norm="ortho", overwrite_x=True, workers=n_jobs) * scale

    def call(seed):
        # The transform is its own inverse, so that repeated calls go to and fro between two arrays.
        fwht(x, norm="ortho", overwrite_x=True, workers=n_jobs)
        return _transform(first)

    return call


def _pyfwht(problem, n_jobs):
    import pyfwht

    return lambda seed: _transform(pyfwht.fwht(problem.x, backend="cpu"))


def _hadamard_product(problem, n_jobs):
    matrix = scipy.linalg.hadamard(problem.x.shape[-1], dtype=float)
    return lambda seed: _transform(problem.x @ matrix)


def _copy(problem, n_jobs):
    target = np.empty_like(problem.x)

    def call(seed):
        np.copyto(target, problem.x)
        return _transform(None)

    return call


def _fwht_cases(size):
    contenders = (
        Contender("fwht", "sparsesci", _our_fwht, OURS),
        Contender("fwht, in place", "sparsesci", _our_fwht_in_place, OURS, note="normalised, as it is repeated"),
        Contender("pyfwht, CPU backend", "pyfwht", _pyfwht),
        Contender("memory copy", "numpy", _copy, FLOOR),
    )
    product = Contender("product with hadamard(n)", "scipy", _hadamard_product, note="making the matrix is not timed")
    error = Metric("relative error", "against butterflies in extended precision, Euclidean norms", _transform_error)
    lengths = (2**10, 2**20) if size == "quick" else (2**10, 2**14, 2**18, 2**20, 2**22)
    vectors = [Case(f"One vector of length {n}", _fwht_problem(n), contenders, (error,), {"n": n}) for n in lengths]
    rows, n = (64, 2**11) if size == "quick" else (100, 2**12)
    batch = Case(
        f"{rows} vectors of length {n}",
        _fwht_problem((rows, n)),
        (*contenders[:3], product, contenders[3]),
        (error,),
        {"vectors": rows, "n": n},
    )
    return (*vectors, batch)


# -- Sketching of rows


def distortion(problem, output):
    """Return the subspace-embedding distortion: the most by which the sketch changes the length of a vector A x.

    It is max(s_max - 1, 1 - s_min) for the singular values of S U, where U is an orthonormal basis of the range of A.
    """
    if output is None:
        return np.nan
    sketched = output.toarray() if scipy.sparse.issparse(output) else output
    singular_values = scipy.linalg.svdvals(sketched @ problem.whitener)
    lowest = singular_values[-1] if len(sketched) >= sketched.shape[1] else 0.0
    return float(max(singular_values[0] - 1.0, 1.0 - lowest))


def _sketch_problem(make_matrix, n_components):
    def make(seed):
        A = make_matrix(seed)
        dense = A.toarray() if scipy.sparse.issparse(A) else A
        r = np.linalg.qr(dense, mode="r")
        return Bunch(A=A, n_components=n_components, whitener=np.linalg.inv(r))

    return make


def _our_sketch(kind):
    def prepare(problem, n_jobs):
        from sparsesci.sketching import sketch

        return lambda seed: sketch(problem.A, problem.n_components, kind=kind, random_state=seed, n_jobs=n_jobs)

    return prepare


def _clarkson_woodruff(problem, n_jobs):
    return lambda seed: scipy.linalg.clarkson_woodruff_transform(problem.A, problem.n_components, seed)


def _sklearn_sketch(class_name, **options):
    def prepare(problem, n_jobs):
        import sklearn.random_projection

        projection = getattr(sklearn.random_projection, class_name)

        def call(seed):
            # Its projections act on features, so the rows of A are given as such.
            model = projection(problem.n_components, random_state=seed, **options)
            return model.fit_transform(problem.A.T).T

        return call

    return prepare


def _matrix_copy(problem, n_jobs):
    def call(seed):
        problem.A.copy()

    return call


def _sketch_contenders(gaussian):
    contenders = [
        Contender("SRHT", "sparsesci", _our_sketch("srht"), OURS, True, "has the l_inf guarantee"),
        Contender("sparse sign, s = 8", "sparsesci", _our_sketch("sparse_sign"), OURS, True),
        Contender("CountSketch", "sparsesci", _our_sketch("countsketch"), OURS, True),
        Contender("clarkson_woodruff_transform", "scipy", _clarkson_woodruff, randomised=True, note="a CountSketch"),
        Contender(
            "SparseRandomProjection",
            "sklearn",
            _sklearn_sketch("SparseRandomProjection", dense_output=True),
            randomised=True,
            note="fit_transform(A.T).T",
        ),
        Contender("copy of A", "numpy", _matrix_copy, FLOOR),
    ]
    if gaussian:
        contenders[3:3] = [
            Contender("Gaussian", "sparsesci", _our_sketch("gaussian"), OURS, True, "has the l_inf guarantee")
        ]
        contenders[-1:-1] = [
            Contender(
                "GaussianRandomProjection",
                "sklearn",
                _sklearn_sketch("GaussianRandomProjection"),
                randomised=True,
                note="fit_transform(A.T).T",
            )
        ]
    return tuple(contenders)


def _sketch_cases(size):
    metric = Metric(
        "distortion",
        "subspace-embedding distortion: largest relative change of the length of a vector in the range of A; "
        "1 or more: the sketch has lost rank, or may",
        distortion,
    )
    dense_sizes = ((2**14, 50),) if size == "quick" else ((2**17, 100), (2**16, 300))
    sparse_n, sparse_d = (2**14, 50) if size == "quick" else (10**6, 200)
    hard_n, hard_d = (2**13, 64) if size == "quick" else (2**15, 128)
    cases = [
        _sketch_case(
            f"Dense Gaussian A, {n} × {d}",
            lambda seed, n=n, d=d: make_gaussian_regression(n, d, random_state=seed).A,
            n,
            d,
            metric,
            gaussian=True,
        )
        for n, d in dense_sizes
    ]
    cases.append(
        _sketch_case(
            f"A = [I; 0], all leverage on {hard_d} rows, {hard_n} × {hard_d}",
            lambda seed: make_linf_hard_instance("spread", hard_n, hard_d, 8 * hard_d).A,
            hard_n,
            hard_d,
            metric,
            gaussian=False,
        )
    )
    cases.append(
        _sketch_case(
            f"Sparse A (CSR, 3 entries ±1 in each row), {sparse_n} × {sparse_d}",
            lambda seed: make_sparse_regression(sparse_n, sparse_d, random_state=seed).A,
            sparse_n,
            sparse_d,
            metric,
            gaussian=False,
        )
    )
    return tuple(cases)


def _sketch_case(title, make_matrix, n, d, metric, *, gaussian):
    m = 8 * d
    return Case(
        title, _sketch_problem(make_matrix, m), _sketch_contenders(gaussian), (metric,), {"n": n, "d": d, "m": m}
    )


# -- Random projection of features


def pairwise_distortion(problem, output):
    """Return the largest relative change of a squared distance between rows of the subset."""
    projected = output.toarray() if scipy.sparse.issparse(output) else output
    squared = euclidean_distances(projected[problem.subset], squared=True)[problem.pairs]
    return float(np.abs(squared / problem.squared - 1.0).max())


def rms_distortion(problem, output):
    """Return the root mean square of the relative changes of squared distances between rows of the subset."""
    projected = output.toarray() if scipy.sparse.issparse(output) else output
    squared = euclidean_distances(projected[problem.subset], squared=True)[problem.pairs]
    return float(np.sqrt(np.mean((squared / problem.squared - 1.0) ** 2)))


def _projection_problem(n_samples, n_features, n_components):
    def make(seed):
        X = load_digits_regression(n_samples, n_features, random_state=seed).data
        subset = np.arange(min(300, n_samples))
        pairs = np.triu_indices(len(subset), k=1)
        squared = euclidean_distances(X[subset], squared=True)[pairs]
        return Bunch(X=X, subset=subset, pairs=pairs, squared=squared, n_components=n_components)

    return make


def _our_projection(kind):
    def prepare(problem, n_jobs):
        from sparsesci.sketching import SketchProjection

        return lambda seed: SketchProjection(
            problem.n_components, sketch=kind, random_state=seed, n_jobs=n_jobs
        ).fit_transform(problem.X)

    return prepare


def _sklearn_projection(class_name, **options):
    def prepare(problem, n_jobs):
        import sklearn.random_projection

        projection = getattr(sklearn.random_projection, class_name)
        return lambda seed: projection(problem.n_components, random_state=seed, **options).fit_transform(problem.X)

    return prepare


def _projection_cases(size):
    n, p, m = (2000, 4096, 256) if size == "quick" else (20_000, 16_384, 512)
    contenders = (
        Contender("SketchProjection, SRHT", "sparsesci", _our_projection("srht"), OURS, True),
        Contender("SketchProjection, sparse sign", "sparsesci", _our_projection("sparse_sign"), OURS, True),
        Contender("SketchProjection, Gaussian", "sparsesci", _our_projection("gaussian"), OURS, True),
        Contender(
            "GaussianRandomProjection", "sklearn", _sklearn_projection("GaussianRandomProjection"), randomised=True
        ),
        Contender(
            "SparseRandomProjection",
            "sklearn",
            _sklearn_projection("SparseRandomProjection", dense_output=True),
            randomised=True,
        ),
    )
    metrics = (
        Metric(
            "largest distortion", "largest relative change of a squared distance among 300 rows", pairwise_distortion
        ),
        Metric("rms distortion", "root mean square of these changes", rms_distortion),
    )
    title = f"Digits in {p} random Fourier features, {n} samples, projected to {m}"
    parameters = {"n": n, "features": p, "components": m}
    return (Case(title, _projection_problem(n, p, m), contenders, metrics, parameters),)


COMPARISONS = (
    Comparison(
        "fwht",
        "fast Walsh-Hadamard transform",
        "How fast is the transform, beside another compiled one, the product with the matrix, and a plain copy?",
        _NONE_PUBLISHED,
        _fwht_cases,
    ),
    Comparison(
        "sketch",
        "sketching the rows of a tall matrix",
        "How fast is a sketch S A with 8 d rows, and how well does it keep the lengths of vectors in the range of A?",
        _NONE_PUBLISHED,
        _sketch_cases,
    ),
    Comparison(
        "sketch_projection",
        "random projection of features",
        "How fast is a random projection, and how well does it keep distances between samples?",
        _NONE_PUBLISHED,
        _projection_cases,
    ),
)
