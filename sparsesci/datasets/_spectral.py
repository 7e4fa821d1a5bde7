"""Hyperspectral scenes."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.datasets._fetch import SAMSON, fetch

_SAMSON_DESCRIPTION = """The Samson scene: 95 x 95 pixels, 156 bands from 401 to 889 nm.

Three materials: soil, tree, water. The scene was first given out as a sample with the Opticks
program; the reference maps are those of F. Zhu et al. (arXiv:1403.4682, arXiv:1708.05125). The
wavelengths are an even grid between the published ends, and so approximate.
"""


def fetch_samson(*, data_home=None, download_if_missing=True):
    """Load the Samson hyperspectral scene from a copy that you have.

    The data come without a licence: they are neither part of the package, nor is there an address
    to download them from. The file ``unmixing/samson.npz`` is looked for under ``data_home``, or,
    without it, under the directory named by the environment variable ``SPARSESCI_DATA`` and in the
    cache directory of :func:`get_data_home`, and its checksum is verified.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Directory that holds the file.
    download_if_missing : bool, default=True
        As for other loaders; here a missing file is an error in any case.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``cube`` (95, 95, 156), reflectances in [0, 1]; ``endmembers`` (3, 156), the reference spectra, each
        scaled to a largest value of about one; ``abundances`` (95, 95, 3), non-negative and summing to one; ``names``
        of the three materials; ``wavelengths`` (156,) in nanometres; ``DESCR``. Arrays are float64.

    Raises
    ------
    OSError
        If the file is not found; the message names the places that were tried.
    ValueError
        If the file found has the wrong checksum.

    Examples
    --------
    >>> from sparsesci.datasets import fetch_samson
    >>> scene = fetch_samson()  # doctest: +SKIP
    >>> scene.cube.shape  # doctest: +SKIP
    (95, 95, 156)
    """
    path = fetch(SAMSON, data_home=data_home, download_if_missing=download_if_missing)
    with np.load(path, allow_pickle=False) as stored:
        return Bunch(
            cube=stored["cube"] / float(stored["scale"]),
            endmembers=stored["endmembers"].astype(np.float64),
            abundances=stored["abundances"].astype(np.float64),
            names=[str(name) for name in stored["names"]],
            wavelengths=stored["wavelength_nm"].astype(np.float64),
            DESCR=_SAMSON_DESCRIPTION,
        )
