"""The device option, on the simulator or a GPU."""

import numpy as np
import pytest

from sparsesci.datasets import make_kronecker_sparse
from sparsesci.sbl import kron_sbl, kron_sbl_batch

pytestmark = [pytest.mark.cuda, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


def test_batch():
    p = make_kronecker_sparse((5, 6), (8, 9), 2, snr_db=20, complex_valued=True, random_state=0)
    Y = np.stack([p.Y, 0 * p.Y, 2 * p.Y])
    batch = kron_sbl_batch(Y, p.dictionaries, device="cuda")
    expected = kron_sbl_batch(Y, p.dictionaries)
    for i in range(3):
        np.testing.assert_allclose(batch[i].to_dense(), expected[i].to_dense(), atol=1e-6)


def test_passes_of_a_large_problem():
    p = make_kronecker_sparse((34, 4), (36, 6), 2, snr_db=20, core="general", random_state=0)
    options = {"noise_var": p.noise_var, "max_iter": 3}
    result = kron_sbl(p.Y, p.dictionaries, device="cuda", **options)
    np.testing.assert_allclose(result.core, kron_sbl(p.Y, p.dictionaries, **options).core, atol=1e-9)
