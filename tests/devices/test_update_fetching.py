"""Downloads from a real server: resumed, bounded, and never over what anybody can change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request

import pytest

from devices.update.fetching import _Redirects, fetch
from devices.update.journal import read_history
from devices.update.settings import UpdateSettings
from edge.errors import EdgeError
from tests.devices.update_server import UpdateServer
from tests.devices.updates import Fleet, active_version


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
def server(fleet: Fleet) -> Iterator[UpdateServer]:
    fleet.update("1.0")
    with UpdateServer(fleet.folder / "updates") as made:
        yield made


NAME = "ferplus-mobilenet_v2-64-1.0.edgeupdate"


def test_a_download_that_breaks_off_goes_on_where_it_stood(fleet: Fleet, server: UpdateServer) -> None:
    places = fleet.device()
    updater = fleet.updater(places, settings=UpdateSettings(allow_http=True, confirm_seconds=0))
    server.cuts = [1_000_000, 2_000_000]
    updater.apply(server.url(NAME))
    assert active_version(places) == "1.0"
    assert [wanted for name, wanted in server.asked if name == NAME] == ["", "bytes=1000000-", "bytes=3000000-"]
    assert not list(places.staging.iterdir())


def test_a_server_that_is_gone_for_long_leaves_what_came(fleet: Fleet, server: UpdateServer) -> None:
    places = fleet.device()
    updater = fleet.updater(places, settings=UpdateSettings(allow_http=True, confirm_seconds=0))
    server.cuts = [1_000_000, 0, 0]
    with pytest.raises(EdgeError, match=r"broke off .*; what came is kept"):
        updater.apply(server.url(NAME))
    assert sum(path.stat().st_size for path in places.staging.iterdir() if path.suffix == ".part") == 1_000_000
    assert read_history(places)[-1].outcome == "error", "it may go well the next time"
    server.cuts = []
    updater.apply(server.url(NAME))
    assert server.asked[-1] == (NAME, "bytes=1000000-")
    assert active_version(places) == "1.0"


@pytest.mark.parametrize("ranges", [True, False])
def test_another_file_by_then_or_a_server_that_sends_no_parts(fleet: Fleet, server: UpdateServer, ranges: bool) -> None:
    places = fleet.device()
    updater = fleet.updater(places, settings=UpdateSettings(allow_http=True, confirm_seconds=0))
    server.cuts = [1_000_000, 0]
    with pytest.raises(EdgeError, match="broke off"):
        updater.apply(server.url(NAME))
    server.tag, server.ranges = ('"2"' if ranges else '"1"'), ranges
    updater.apply(server.url(NAME))
    assert active_version(places) == "1.0"


def test_what_is_not_taken(fleet: Fleet, server: UpdateServer, tmp_path: Path) -> None:
    staging = tmp_path / "staging"

    def take(url: str, most: int = 10**9, allow_http: bool = True) -> None:
        fetch(url, staging, most=most, allow_http=allow_http)

    with pytest.raises(EdgeError, match="by https:// or from a file; over http"):
        take(server.url(NAME), allow_http=False)
    for url in ("ftp://x/a.edgeupdate", "file:///etc/a.edgeupdate", "https:///a.edgeupdate"):
        with pytest.raises(EdgeError, match="by https:// or from a file"):
            take(url)
    with pytest.raises(EdgeError, match="password in it"):
        take("https://me:word@x/a.edgeupdate")
    with pytest.raises(EdgeError, match="no name of an update"):
        take(server.url("passwd"))
    with pytest.raises(EdgeError, match="the server says 404"):
        take(server.url("other-1.0.edgeupdate"))
    with pytest.raises(EdgeError, match="more than 1 MB"):
        take(server.url(NAME), most=1_000_000)
    assert server.asked[-1][0] == NAME and not list(staging.glob("*.part")), "not a byte of it was kept"
    for where in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        server.redirects[NAME + ".minisig"] = where
        with pytest.raises(EdgeError, match=r"not protected|not allowed"):
            take(server.url(NAME))
    with pytest.raises(EdgeError, match="not protected"):
        _Redirects(("https",)).redirect_request(Request("https://a/x"), None, 302, "", {}, "http://a/x")
    server.redirects = {}
    with pytest.raises(EdgeError, match="check the address"):
        take("https://127.0.0.1:1/a-1.0.edgeupdate")
    assert staging.stat().st_mode & 0o777 == 0o700
