"""The one way to a data file that is not part of the package: find or download it, and verify."""

import os
from dataclasses import dataclass
from pathlib import Path

from sparsesci._core.validation import check_flag

ENVIRONMENT_VARIABLE = "SPARSESCI_DATA"


@dataclass(frozen=True)
class RemoteFile:
    """A data file: where it belongs under a data directory, its checksum, and where it comes from.

    Attributes
    ----------
    path : str
        Path below the data directory, with forward slashes.
    sha256 : str
        Checksum in hexadecimal digits.
    url : str or None
        None for a file that may not be given out, which the user has to bring along.
    origin : str
        Where the data come from, in words, for messages.
    """

    path: str
    sha256: str
    url: str | None
    origin: str


SAMSON = RemoteFile(
    path="unmixing/samson.npz",
    sha256="c731487616a7e84248606f6b5884c20f60336454deb8a139bc358ca9c6cc8fca",
    url=None,
    origin=(
        "made from Datasets/Samson.mat of github.com/burknipalsson/hu_autoencoders, "
        "commit 8fa704e; the data come without a licence"
    ),
)
KNOWN_FILES = (SAMSON,)


def get_data_home(data_home=None):
    """Return the directory that downloaded data are kept in.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        A directory of your choice; None stands for the operating system's cache directory.

    Returns
    -------
    path : str
        The directory, which need not exist yet.

    See Also
    --------
    clear_data_home : Delete the downloaded files.

    Notes
    -----
    A directory named by the environment variable ``SPARSESCI_DATA`` is searched before this one
    when no ``data_home`` is given, and nothing is ever written to it.

    Examples
    --------
    >>> from sparsesci.datasets import get_data_home
    >>> get_data_home("my_data").endswith("my_data")
    True
    """
    if data_home is None:
        import pooch

        return str(pooch.os_cache("sparsesci"))
    return str(_directory("data_home", data_home))


def clear_data_home(data_home=None):
    """Delete the data files of this package from the directory that downloads are kept in.

    Only files that a ``fetch_*`` function knows by name are deleted, and directories left empty by
    that. The directory named by ``SPARSESCI_DATA`` is not touched.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        As in :func:`get_data_home`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sparsesci.datasets import clear_data_home
    >>> with TemporaryDirectory() as directory:
    ...     clear_data_home(directory)
    """
    home = Path(get_data_home(data_home))
    for file in KNOWN_FILES:
        path = home / file.path
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == home or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def fetch(file, *, data_home=None, download_if_missing=True):
    """Return the path of a verified copy of ``file``, downloading it where that is possible.

    Parameters
    ----------
    file : RemoteFile
    data_home : str, path-like or None
        Where to look and where to download to. None looks in the directory named by
        ``SPARSESCI_DATA`` first and then in the operating system's cache directory. A file may lie
        at its path below the directory, or directly in it.
    download_if_missing : bool
        Whether to download a file that is not found.

    Returns
    -------
    path : pathlib.Path

    Raises
    ------
    OSError
        If the file is not found and may not, or cannot, be downloaded.
    ValueError
        If a file that was found or downloaded has another checksum than it should.
    """
    check_flag("download_if_missing", download_if_missing)
    candidates = _candidates(file, data_home)
    for candidate in candidates:
        if candidate.is_file():
            _verify(candidate, file)
            return candidate
    if not download_if_missing or file.url is None:
        reason = "no address to download it from is known" if file.url is None else "download_if_missing is False"
        raise OSError(f"{_not_found(file, candidates)}; {reason}. {_how_to_supply(file)}")
    return _download(file, Path(get_data_home(data_home)), candidates)


def _candidates(file, data_home):
    directories = [Path(get_data_home(data_home))]
    from_environment = os.environ.get(ENVIRONMENT_VARIABLE)
    if data_home is None and from_environment:
        directories.insert(0, _directory(ENVIRONMENT_VARIABLE, from_environment))
    name = Path(file.path).name
    return [path for home in directories for path in (home / file.path, home / name)]


def _directory(name, value):
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise TypeError(f"{name} must be the path of a directory or None; got {value!r}")
    return Path(value).expanduser()


def _download(file, home, candidates):
    import pooch

    target = home / file.path
    try:
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=target.name,
            path=target.parent,
        )
    except OSError as error:  # which the exceptions of requests are; a wrong checksum passes
        raise OSError(
            f"{_not_found(file, candidates)}, and downloading {file.url} failed with "
            f"{type(error).__name__}: {error}. {_how_to_supply(file)}"
        ) from error
    return target


def _verify(path, file):
    import pooch

    found = pooch.file_hash(str(path), alg="sha256")
    if found != file.sha256:
        raise ValueError(
            f"{path} has SHA-256 {found}, but {file.sha256} is expected: it is damaged, or is "
            "another version. Remove it, or replace it by the right one."
        )


def _not_found(file, candidates):
    return f"{file.path} was not found (tried {', '.join(str(path) for path in candidates)})"


def _how_to_supply(file):
    return (
        f"If you have a copy, put it at {file.path} below a directory and pass that as data_home, "
        f"or name it in the environment variable {ENVIRONMENT_VARIABLE} (origin: {file.origin})."
    )
