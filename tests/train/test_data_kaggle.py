"""``kaggle:OWNER/NAME`` up to the network: every way it can fail ends in one line."""

from __future__ import annotations

import sys

import pytest

from edge.errors import EdgeError
from train.data.kaggle import download
from train.data.opening import open_split


@pytest.mark.parametrize("handle", ["affectnet", "a/b/c", "https://www.kaggle.com/datasets/a/b", "a b/c"])
def test_what_is_no_handle(handle):
    with pytest.raises(EdgeError, match="expected kaggle:OWNER/NAME"):
        download(handle)


def test_without_the_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # as if it were not installed
    with pytest.raises(EdgeError, match="needs kagglehub, which is not installed: pip install kagglehub"):
        download("nobody/not-installed")


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """The real client against a server on this machine that answers every request with one status."""
    kagglehub = pytest.importorskip("kagglehub")
    import http.server
    import threading

    class Answer(http.server.BaseHTTPRequestHandler):
        status = 404

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(type(self).status)
            self.send_header("Content-Length", "2")
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    download.cache_clear()
    yield kagglehub, Answer, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "KAGGLE_USERNAME"), (403, "accept the data set's terms"), (404, "no such data set"), (500, "answers 500")],
)
def test_what_the_server_answers(answers, monkeypatch, status, says):
    kagglehub, answer, address = answers
    import requests
    from kagglehub.exceptions import KaggleApiHTTPError

    answer.status = status

    def ask(handle: str) -> str:
        """What the client's resolver does with an answer, from a server that is there."""
        response = requests.post(f"{address}/{handle}", timeout=10)
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            raise KaggleApiHTTPError(str(error), response=response) from error
        return ""

    monkeypatch.setattr(kagglehub, "dataset_download", ask)
    with pytest.raises(EdgeError, match=rf"^kaggle:owner/name: .*{says}"):
        download("owner/name")


def test_nobody_answers(monkeypatch, tmp_path, command):
    pytest.importorskip("kagglehub")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody answers
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    download.cache_clear()
    result = command("--data", "kaggle:owner/affectnet-copy", "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: kaggle:owner/affectnet-copy: kaggle.com cannot be reached")
    assert len(result.stderr.splitlines()) == 1


def test_what_was_fetched_is_read_like_any_folder(monkeypatch, colours, tmp_path):
    """A data set that lies in the client's cache already: no network is asked for one of a certain version."""
    pytest.importorskip("kagglehub")
    import shutil

    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("DISABLE_KAGGLE_CACHE", "true")
    download.cache_clear()
    place = tmp_path / "datasets/owner/faces/versions"
    shutil.copytree(colours, place / "3")
    (place.parent / "3.complete").touch()
    samples = open_split("kaggle:owner/faces/versions/3", "train")
    assert len(samples) == 192 and samples.paths[0].is_relative_to(tmp_path)
