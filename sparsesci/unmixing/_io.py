"""Reading hyperspectral cubes: ENVI, MATLAB and NumPy files."""

import os
from pathlib import Path

import numpy as np
import scipy.io
from sklearn.utils import Bunch

from sparsesci._core.validation import check_flag, check_integer

_ENVI_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_ENVI_ENDINGS = ("", ".img", ".dat", ".raw", ".bin", ".bip", ".bil", ".bsq", ".sli")
_NUMPY_NAMES = ("cube", "data", "X", "Y")
_MATLAB_NAMES = ("Y", "V", "cube", "data")
_ROW_NAMES = ("nRow", "lines", "H", "rows", "nrow", "nrows")
_COLUMN_NAMES = ("nCol", "cols", "W", "samples", "ncol", "ncols")
_WAVELENGTH_NAMES = ("wavelengths", "wavelength", "wavelength_nm", "wl")


def read_cube(path, *, shape=None, variable=None, scale=False):
    """Read a hyperspectral cube.

    Parameters
    ----------
    path : str, path-like, or an image of the package ``spectral``
        ENVI: the header (``.hdr``) or the data file beside it. Otherwise ``.npy``, ``.npz`` or ``.mat``.
    shape : (int, int) or None, default=None
        Rows and columns, for files that hold a matrix and do not say. Matrices in NumPy files are (n_pixels, n_bands),
        pixels in C order; in MATLAB files (n_bands, n_pixels), pixels in MATLAB's column-major order.
    variable : str or None, default=None
        Name of the array in a ``.npz`` or ``.mat`` file; None takes the first of the usual names: cube, data, X, Y in
        NumPy files, Y, V, cube, data in MATLAB files.
    scale : bool, default=False
        Divide by the file's scale factor, where it has one. That makes a copy in floating point; unmixing does not
        need it.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``cube`` (rows, cols, n_bands), in the file's type; a memory map for ``.npy`` and for ENVI files
        interleaved by pixel, a copy in C order otherwise. ``wavelengths`` (n_bands,) or None; ``bad_bands`` (n_bands,)
        of bool, True where the file's list of bad bands says so; ``mask`` (rows, cols) of bool, True where all bands
        have the file's "data ignore value", or None where it has none; ``meta``, a dictionary of what else the file
        says, with ``scale_factor`` and ``wavelength_units`` where it has them.

    Raises
    ------
    OSError
        If a file does not exist.
    ValueError
        If the file is of no known kind, is damaged, lacks what is needed, or is a MATLAB file of version 7.3, which is
        HDF5.

    Notes
    -----
    O(size) time; memory O(size) where a copy is made.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sparsesci.unmixing import read_cube
    >>> with TemporaryDirectory() as directory:
    ...     path = Path(directory) / "scene.npz"
    ...     np.savez(path, cube=np.ones((4, 5, 6)), wavelengths=np.arange(6) * 100.0)
    ...     scene = read_cube(path)
    >>> scene.cube.shape, scene.wavelengths[-1]
    ((4, 5, 6), np.float64(500.0))
    """
    check_flag("scale", scale)
    shape = _check_shape(shape)
    if variable is not None and not isinstance(variable, str):
        raise TypeError(f"variable must be the name of an array or None; got {variable!r}")
    if _is_spectral_image(path):
        data = _from_spectral(path)
    else:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path must be the path of a file; got {path!r}")
        path = Path(path)
        readers = {".npy": _read_npy, ".npz": _read_npz, ".mat": _read_mat}
        reader = readers.get(path.suffix.lower(), _read_envi)
        if not path.exists():
            raise FileNotFoundError(f"path {str(path)!r} does not exist")
        data = reader(path, shape, variable)
    factor = data.meta.get("scale_factor")
    if scale and factor:
        data.cube = data.cube / float(factor)
    return data


def _check_shape(shape):
    if shape is None:
        return None
    try:
        rows, cols = shape
    except (TypeError, ValueError) as error:
        raise TypeError(f"shape must be a pair (rows, cols) or None; got {shape!r}") from error
    return check_integer("shape: rows", rows, minimum=1), check_integer("shape: cols", cols, minimum=1)


def _is_spectral_image(value):
    return type(value).__module__.split(".")[0] == "spectral"


def _from_spectral(image):
    cube = np.asarray(image.load() if hasattr(image, "load") else image)
    bands = getattr(image, "bands", None)
    wavelengths = getattr(bands, "centers", None)
    meta = dict(getattr(image, "metadata", None) or {})
    return _bunch(cube, wavelengths, _bad_bands(meta.get("bbl"), cube.shape[2]), None, meta)


def _bunch(cube, wavelengths, bad_bands, mask, meta):
    if wavelengths is not None:
        wavelengths = np.asarray(wavelengths, dtype=np.float64).reshape(-1)
        if wavelengths.size != cube.shape[2]:
            raise ValueError(f"the file has {wavelengths.size} wavelengths for {cube.shape[2]} bands")
    if bad_bands is None:
        bad_bands = np.zeros(cube.shape[2], dtype=np.bool_)
    return Bunch(cube=cube, wavelengths=wavelengths, bad_bands=bad_bands, mask=mask, meta=meta)


# NumPy


def _read_npy(path, shape, variable):
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"path {str(path)!r} is no array of numbers in NumPy's format: {error}") from error
    return _bunch(_pixel_major(array, shape, path), None, None, None, {})


def _read_npz(path, shape, variable):
    with np.load(path, allow_pickle=False) as stored:
        name = _choose(stored.files, variable, _NUMPY_NAMES, path)
        cube = _pixel_major(stored[name], shape, path)
        wavelengths = next((stored[n] for n in _WAVELENGTH_NAMES if n in stored.files), None)
        meta = {n: stored[n] for n in stored.files if n != name and stored[n].size <= 10_000}
    if "scale" in meta and np.ndim(meta["scale"]) == 0:
        meta["scale_factor"] = float(meta["scale"])
    return _bunch(cube, wavelengths, _bad_bands(meta.get("bbl"), cube.shape[2]), None, meta)


def _choose(names, variable, usual, path):
    wanted = usual if variable is None else (variable,)
    for name in wanted:
        if name in names:
            return name
    raise ValueError(f"variable must name an array of {str(path)!r}, one of {sorted(names)}; got {variable!r}")


def _pixel_major(array, shape, path):
    """Return a cube from an array of pixels in C order."""
    if array.ndim == 3:
        return array
    if array.ndim != 2:
        raise ValueError(f"path {str(path)!r} must hold a cube or a matrix; got shape {array.shape}")
    if shape is None:
        raise ValueError(f"shape must be given: {str(path)!r} holds a matrix of shape {array.shape}")
    if shape[0] * shape[1] != array.shape[0]:
        raise ValueError(f"shape must have {array.shape[0]} pixels; got {shape}")
    return array.reshape(*shape, array.shape[1])


# MATLAB


def _read_mat(path, shape, variable):
    try:
        stored = scipy.io.loadmat(path)
    # SciPy's way to say that it does not read HDF5.
    except NotImplementedError as error:
        raise ValueError(
            f"path {str(path)!r} is a MATLAB file of version 7.3, which is HDF5: read it with h5py and pass the array"
        ) from error
    except Exception as error:
        raise ValueError(f"path {str(path)!r} cannot be read as a MATLAB file: {error}") from error
    names = [name for name in stored if not name.startswith("__")]
    name = _choose(names, variable, _MATLAB_NAMES, path)
    array = stored[name]
    meta = {n: stored[n] for n in names if n != name}
    wavelengths = next((meta[n] for n in _WAVELENGTH_NAMES if n in meta), None)
    if array.ndim == 3:
        cube = np.ascontiguousarray(array)
    elif array.ndim == 2:
        cube = _from_column_major(array, shape or _shape_of(meta, path), path)
    else:
        raise ValueError(f"variable {name!r} must be a cube or a matrix; got shape {array.shape}")
    return _bunch(cube, wavelengths, _bad_bands(meta.get("bbl"), cube.shape[2]), None, meta)


def _shape_of(meta, path):
    sizes = []
    for names in (_ROW_NAMES, _COLUMN_NAMES):
        found = next((meta[n] for n in names if n in meta and np.size(meta[n]) == 1), None)
        if found is None:
            raise ValueError(f"shape must be given: {str(path)!r} holds a matrix and no numbers of rows and columns")
        sizes.append(int(np.reshape(found, -1)[0]))
    return tuple(sizes)


def _from_column_major(Y, shape, path):
    """Return the cube (rows, cols, L) of a matrix (L, N) whose pixels are in column-major order."""
    rows, cols = shape
    if Y.shape[1] != rows * cols:
        raise ValueError(f"shape must have {Y.shape[1]} pixels, the columns of {str(path)!r}; got {shape}")
    return np.ascontiguousarray(Y.T.reshape(cols, rows, Y.shape[0]).transpose(1, 0, 2))


# ENVI


def _read_envi(path, shape, variable):
    header_path, data_path = _envi_files(path)
    header = _envi_header(header_path)
    rows, cols, L = (_envi_integer(header, key, header_path) for key in ("lines", "samples", "bands"))
    code = _envi_integer(header, "data type", header_path)
    if code not in _ENVI_TYPES:
        raise ValueError(f"{str(header_path)!r} has data type {code}; known are {sorted(_ENVI_TYPES)}")
    order = ">" if int(header.get("byte order", 0)) == 1 else "<"
    dtype = np.dtype(order + _ENVI_TYPES[code])
    interleave = str(header.get("interleave", "bsq")).lower()
    layouts = {
        "bip": ((rows, cols, L), (0, 1, 2)),
        "bil": ((rows, L, cols), (0, 2, 1)),
        "bsq": ((L, rows, cols), (1, 2, 0)),
    }
    if interleave not in layouts:
        raise ValueError(f"{str(header_path)!r} has interleave {interleave!r}; known are {sorted(layouts)}")
    offset = int(header.get("header offset", 0))
    needed = offset + rows * cols * L * dtype.itemsize
    if data_path.stat().st_size < needed:
        raise ValueError(f"{str(data_path)!r} has {data_path.stat().st_size} bytes; its header asks for {needed}")
    stored_shape, axes = layouts[interleave]
    cube = np.memmap(data_path, dtype=dtype, mode="r", offset=offset, shape=stored_shape)
    if interleave != "bip" or not dtype.isnative:
        cube = np.array(cube.transpose(axes), dtype=dtype.newbyteorder("="), order="C")
    meta = dict(header)
    if "reflectance scale factor" in header:
        meta["scale_factor"] = float(header["reflectance scale factor"])
    if "wavelength units" in header:
        meta["wavelength_units"] = header["wavelength units"]
    wavelengths = header.get("wavelength")
    return _bunch(
        cube,
        None if wavelengths is None else [float(w) for w in wavelengths],
        _bad_bands(header.get("bbl"), L),
        _ignored(cube, header.get("data ignore value")),
        meta,
    )


def _envi_files(path):
    """Return the paths of header and data, given either."""
    if path.suffix.lower() == ".hdr":
        stem = path.with_suffix("")
        for ending in _ENVI_ENDINGS:
            candidate = Path(str(stem) + ending)
            if candidate.is_file():
                return path, candidate
        raise FileNotFoundError(f"path {str(path)!r} has no data file beside it")
    for candidate in (path.with_suffix(".hdr"), Path(str(path) + ".hdr")):
        if candidate.is_file():
            return candidate, path
    raise ValueError(f"path {str(path)!r} must be an ENVI, .npy, .npz or .mat file; it has no header (.hdr) beside it")


def _envi_header(path):
    """Return the header as a dictionary with keys in lower case; lists in braces become lists of words."""
    text = path.read_text(encoding="latin-1")
    if not text.lstrip().upper().startswith("ENVI"):
        raise ValueError(f"{str(path)!r} is no ENVI header: it does not begin with ENVI")
    header, lines = {}, iter(text.splitlines()[1:])
    for line in lines:
        if "=" not in line or line.lstrip().startswith(";"):
            continue
        key, value = (part.strip() for part in line.split("=", 1))
        if value.startswith("{"):
            while "}" not in value:
                following = next(lines, None)
                if following is None:
                    raise ValueError(f"{str(path)!r} has no closing brace after {key!r}")
                value += " " + following.strip()
            value = [word.strip() for word in value[1 : value.index("}")].split(",") if word.strip()]
        header[key.lower()] = value
    return header


def _envi_integer(header, key, path):
    try:
        value = int(header[key])
    except KeyError:
        raise ValueError(f"{str(path)!r} does not give {key!r}") from None
    except (TypeError, ValueError):
        raise ValueError(f"{str(path)!r} must give an integer for {key!r}; got {header[key]!r}") from None
    if value < 1:
        raise ValueError(f"{str(path)!r} must give a positive integer for {key!r}; got {value}")
    return value


def _bad_bands(bbl, n_bands):
    """Return where a list of bad bands, in which zero stands for bad, says so."""
    if bbl is None:
        return None
    good = np.asarray([float(b) for b in np.reshape(bbl, -1)]) != 0
    if good.size != n_bands:
        raise ValueError(f"the file has a list of bad bands with {good.size} entries for {n_bands} bands")
    return ~good


def _ignored(cube, value):
    if value is None:
        return None
    value = float(value)
    mask = np.empty(cube.shape[:2], dtype=np.bool_)
    for row in range(cube.shape[0]):
        same = np.isnan(cube[row]) if np.isnan(value) else cube[row] == value
        mask[row] = same.all(axis=1)
    return mask
