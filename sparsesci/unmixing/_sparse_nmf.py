"""Sparse non-negative matrix factorisation: the usual baseline of blind unmixing."""

from sparsesci._core.validation import check_real
from sparsesci.unmixing._robust import RobustSparseUnmixing


class SparseNMFUnmixing(RobustSparseUnmixing):
    """Non-negative matrix factorisation with an l_p penalty on the abundances: l_1-NMF and l_{1/2}-NMF.

    :class:`RobustSparseUnmixing` with the squared loss and one exponent for all pixels, from a plain start on all
    bands: the usual baseline.

    Parameters
    ----------
    n_endmembers : int or None, default=None
        None takes that of an array ``init``, or estimates it.
    p : float, default=0.5
        Exponent in (0, 1]: 1 for l_1-NMF, 0.5 for l_{1/2}-NMF.
    alpha : float or "auto", default="auto"
        Strength of the sparsity, as a fraction of the curvature of the loss at the start; 0 is plain NMF.
    scale : {"max", "l2"} or None, default="max"
        What is one in every endmember.
    sum_to_one : False, "soft" or "hard", default=False
        Whether abundances sum to one.
    solver : {"bcd", "mu"}, default="bcd"
        Block coordinate descent with exact abundances, or multiplicative updates.
    init : {"sivm", "vca", "nfindr", "spa", "random"} or array-like of shape (n_endmembers, n_bands), default="sivm"
        Where the endmembers start.
    robust_init : bool, default=False
        Search the start on bands that are not broken.
    outlier_bands : {"exclude", "keep"} or array-like of bool of shape (n_bands,), default="keep"
        Whether broken bands are left out.
    n_init : int, default=1
        Number of starts with "vca" or "random".
    max_iter : int or None, default=None
        None: 300 for "mu", 30 for "bcd".
    tol : float, default=1e-5
        The iteration ends when the objective changes by less than this, relatively.
    random_state : int, RandomState instance, Generator or None, default=None
        Used by the starts "vca" and "random".
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the passes over the pixels run; what comes before and after them runs on the CPU. X is an array of the
        host for all of them.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    endmembers_, abundances_, abundance_maps_, brightness_, guidance_map_, channel_weights_ :
        As in :class:`RobustSparseUnmixing`; the guidance map is 1 - p everywhere and the channel weights are one.
    outlier_bands_, band_noise_, objective_history_, reconstruction_err_, n_iter_, n_features_in_, feature_names_in_ :
        As in :class:`RobustSparseUnmixing`.

    References
    ----------
    Y. Qian, S. Jia, J. Zhou, A. Robles-Kelly, "Hyperspectral unmixing via L1/2 sparsity-constrained nonnegative matrix
    factorization", IEEE Trans. Geosci. Remote Sens. 49 (2011). The solvers and the scaling are those of
    :class:`RobustSparseUnmixing`.

    Examples
    --------
    >>> from sparsesci.datasets import make_unmixing_scene
    >>> from sparsesci.unmixing import SparseNMFUnmixing
    >>> scene = make_unmixing_scene((32, 32), n_endmembers=3, random_state=0)
    >>> SparseNMFUnmixing(3, p=1.0).fit_transform(scene.cube).shape
    (32, 32, 3)
    """

    loss, guidance, h_max = "l2", None, 0.75

    def __init__(
        self,
        n_endmembers=None,
        *,
        p=0.5,
        alpha="auto",
        scale="max",
        sum_to_one=False,
        solver="bcd",
        init="sivm",
        robust_init=False,
        outlier_bands="keep",
        n_init=1,
        max_iter=None,
        tol=1e-5,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.n_endmembers = n_endmembers
        self.p = p
        self.alpha = alpha
        self.scale = scale
        self.sum_to_one = sum_to_one
        self.solver = solver
        self.init = init
        self.robust_init = robust_init
        self.outlier_bands = outlier_bands
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def _check_parameters(self):
        check_real("p", self.p)
        return super()._check_parameters()
