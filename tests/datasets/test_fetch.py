"""Finding, verifying and downloading data files; nothing here leaves this computer."""

import hashlib
import os
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pooch
import pytest
from numpy.testing import assert_allclose

from sparsesci.datasets import _fetch, clear_data_home, fetch_samson, get_data_home
from sparsesci.datasets._fetch import RemoteFile, fetch

CONTENT = b"not much, but checked"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
# Nothing listens on the discard port of the loopback interface.
UNREACHABLE = RemoteFile("folder/file.bin", DIGEST, "http://127.0.0.1:9/file.bin", "a test")
WITHOUT_URL = RemoteFile("folder/file.bin", DIGEST, None, "a test")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache directory and no SPARSESCI_DATA, whatever the surroundings."""
    monkeypatch.delenv("SPARSESCI_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    return cache


@pytest.fixture
def server():
    """A web server on the loopback interface that answers every request with ``answer``."""

    class Handler(BaseHTTPRequestHandler):
        answer = CONTENT

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.answer)))
            self.end_headers()
            self.wfile.write(self.answer)

        def log_message(self, *args):
            """Keep the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = Thread(target=httpd.serve_forever)
        thread.start()
        yield Handler, f"http://127.0.0.1:{httpd.server_port}/file.bin"
        httpd.shutdown()
        thread.join()


def place(directory, path="folder/file.bin", content=CONTENT):
    target = Path(directory) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


class TestFetch:
    @pytest.mark.parametrize("path", ["folder/file.bin", "file.bin"])
    @pytest.mark.parametrize("as_text", [True, False])
    def test_data_home(self, tmp_path, path, as_text):
        target = place(tmp_path / "home", path)
        home = str(tmp_path / "home") if as_text else tmp_path / "home"
        assert fetch(UNREACHABLE, data_home=home) == target

    def test_environment_comes_before_the_cache(self, tmp_path, monkeypatch, own_cache):
        in_cache = place(own_cache)
        assert fetch(UNREACHABLE) == in_cache
        shared = place(tmp_path / "shared")
        monkeypatch.setenv("SPARSESCI_DATA", str(tmp_path / "shared"))
        assert fetch(UNREACHABLE) == shared
        shared.unlink()
        assert fetch(UNREACHABLE) == in_cache

    def test_data_home_comes_before_the_environment(self, tmp_path, monkeypatch):
        place(tmp_path / "shared")
        monkeypatch.setenv("SPARSESCI_DATA", str(tmp_path / "shared"))
        with pytest.raises(OSError, match="not found"):
            fetch(WITHOUT_URL, data_home=tmp_path / "home")

    @pytest.mark.parametrize("where", ["data_home", "environment", "cache"])
    def test_wrong_checksum(self, tmp_path, monkeypatch, own_cache, where):
        directory = own_cache if where == "cache" else tmp_path / "home"
        target = place(directory, content=b"damaged")
        if where == "environment":
            monkeypatch.setenv("SPARSESCI_DATA", str(directory))
        with pytest.raises(ValueError, match=f"SHA-256.*{DIGEST}") as caught:
            fetch(UNREACHABLE, data_home=directory if where == "data_home" else None)
        assert str(target) in str(caught.value)
        assert target.read_bytes() == b"damaged"

    def test_failed_download(self, tmp_path):
        with pytest.raises(OSError, match="ConnectionError") as caught:
            fetch(UNREACHABLE, data_home=tmp_path)
        message = str(caught.value)
        assert UNREACHABLE.url in message
        assert str(tmp_path / "folder" / "file.bin") in message
        assert "SPARSESCI_DATA" in message
        assert not (tmp_path / "folder" / "file.bin").exists()

    def test_download(self, server, own_cache):
        _, url = server
        file = RemoteFile("folder/file.bin", DIGEST, url, "a test")
        path = fetch(file)
        assert path == own_cache / "folder" / "file.bin"
        assert path.read_bytes() == CONTENT
        assert fetch(UNREACHABLE) == path

    def test_download_of_something_else(self, server, own_cache):
        handler, url = server
        handler.answer = b"an error page"
        with pytest.raises(ValueError, match=DIGEST):
            fetch(RemoteFile("folder/file.bin", DIGEST, url, "a test"))
        assert not (own_cache / "folder" / "file.bin").exists()

    def test_environment_directory_is_not_written_to(self, server, tmp_path, monkeypatch):
        _, url = server
        monkeypatch.setenv("SPARSESCI_DATA", str(tmp_path / "shared"))
        fetch(RemoteFile("folder/file.bin", DIGEST, url, "a test"))
        assert not (tmp_path / "shared").exists()

    def test_no_download_wanted(self, tmp_path):
        with pytest.raises(OSError, match="download_if_missing is False"):
            fetch(UNREACHABLE, data_home=tmp_path, download_if_missing=False)

    def test_no_address(self, tmp_path):
        with pytest.raises(OSError, match=r"no address.*SPARSESCI_DATA.*a test"):
            fetch(WITHOUT_URL, data_home=tmp_path)

    @pytest.mark.parametrize("data_home", [3, "", b""])
    def test_bad_data_home(self, data_home):
        with pytest.raises(TypeError, match="data_home"):
            fetch(WITHOUT_URL, data_home=data_home)

    def test_bad_flag(self):
        with pytest.raises(TypeError, match="download_if_missing"):
            fetch(WITHOUT_URL, download_if_missing="no")


class TestDataHome:
    def test_default_is_the_cache(self, own_cache):
        assert get_data_home() == str(own_cache)

    def test_home_directory_is_expanded(self):
        assert get_data_home("~/somewhere") == os.path.expanduser("~/somewhere")

    def test_clear_removes_known_files_only(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_fetch, "KNOWN_FILES", (WITHOUT_URL,))
        target, other = place(tmp_path), place(tmp_path, "folder/mine.txt")
        clear_data_home(tmp_path)
        assert not target.exists()
        assert other.exists()
        other.unlink()
        place(tmp_path)
        clear_data_home(tmp_path)
        assert not target.parent.exists()
        assert tmp_path.exists()
        clear_data_home(tmp_path)

    def test_clear_leaves_the_environment_directory(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_fetch, "KNOWN_FILES", (WITHOUT_URL,))
        monkeypatch.setenv("SPARSESCI_DATA", str(tmp_path))
        target = place(tmp_path)
        clear_data_home()
        assert target.exists()


def test_samson_is_not_to_be_downloaded():
    with pytest.raises(OSError, match=re.escape("unmixing/samson.npz")):
        fetch_samson()


@pytest.mark.skipif(
    "SPARSESCI_DATA" not in os.environ,
    reason="needs the Samson scene: set SPARSESCI_DATA to a directory with unmixing/samson.npz",
)
class TestSamson:
    directory = os.environ.get("SPARSESCI_DATA")

    def test_contents(self):
        scene = fetch_samson(data_home=self.directory)
        assert scene.cube.shape == (95, 95, 156)
        assert scene.cube.dtype == np.float64
        assert 0 <= scene.cube.min() < scene.cube.max() == 1
        assert scene.endmembers.shape == (3, 156)
        assert scene.names == ["soil", "tree", "water"]
        assert scene.wavelengths.shape == (156,)
        assert_allclose(scene.abundances.sum(axis=2), 1, atol=1e-6)

    def test_mixture_model_fits(self):
        scene = fetch_samson(data_home=self.directory)
        pixels, abundances = scene.cube.reshape(-1, 156), scene.abundances.reshape(-1, 3)
        spectra = np.linalg.lstsq(abundances, pixels, rcond=None)[0]
        # 0.31 in this orientation; 0.43 and more where rows and columns do not line up.
        assert np.linalg.norm(pixels - abundances @ spectra) < 0.35 * np.linalg.norm(pixels)
        for fitted, reference in zip(spectra, scene.endmembers):
            assert np.corrcoef(fitted, reference)[0, 1] > 0.8
