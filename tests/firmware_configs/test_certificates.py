"""The script that makes an authority and the broker's certificate."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.edge.mosquitto import program
from tests.firmware_configs.certificates import SCRIPT, make_certificates


def test_certificates(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    assert make_certificates(folder, "broker.example.org", "192.0.2.7", "2001:db8::7").returncode == 0
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        "ca.pem": "0o644",
        "ca.key": "0o600",
        "broker.pem": "0o644",
        "broker.key": "0o600",
    }
    authority, first = (folder / "ca.pem").read_bytes(), (folder / "broker.pem").read_bytes()
    names = subprocess.run(
        ["openssl", "x509", "-in", folder / "broker.pem", "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "DNS:broker.example.org, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7" in names
    # Renewed, under the same authority.
    assert make_certificates(folder, "-y", "30", "broker.example.org").returncode == 0
    assert (folder / "ca.pem").read_bytes() == authority
    assert (folder / "broker.pem").read_bytes() != first
    # As strictly as Python 3.13 looks at them by default.
    check = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", folder / "ca.pem"]
    done = subprocess.run([*check, folder / "broker.pem"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ssl.create_default_context(cafile=str(folder / "ca.pem")).cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name the broker"),
        (("two words",), "neither a host name"),
        (("a,DNS:b",), "neither a host name"),
        (("-y", "long", "broker"), "as a number"),
    ],
)
def test_certificates_of_nobody(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = make_certificates(tmp_path / "certificates", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "certificates").exists()


def test_an_authority_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    assert make_certificates(folder, "broker").returncode == 0
    (folder / "ca.key").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = make_certificates(folder, "broker")
    assert done.returncode == 2
    assert "bring the key" in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_shellcheck() -> None:
    done = subprocess.run([program("shellcheck"), SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
