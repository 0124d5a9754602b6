"""Reaching a server: what is wrong is said in a sentence, and soon."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from faults import backend_with
from faulty_proxy import Proxy, anything
from hsds_server import PASSWORD, USER, HsdsServer, free_port

from h5saver_widget.backends.h5pyd_client import test_connection as words_about
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import FileOpenError
from h5saver_widget.remote.identity import same_server
from h5saver_widget.testing.making import make_group, make_growing


def test_server_absent_at_start(domain: Path) -> None:
    backend = backend_with(endpoint=f"http://127.0.0.1:{free_port()}")
    begin = time.monotonic()
    for mode in ("x", "r"):
        with pytest.raises(FileOpenError, match="is the address right and the server running"):
            backend.open(domain, mode)
    assert time.monotonic() - begin < 10, "5 s each are promised"
    assert not backend.is_open


def test_server_that_never_answers(domain: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        backend = backend_with(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", connect_seconds=1.0)
        with pytest.raises(FileOpenError, match="no answer from"):
            backend.open(domain, "x")


def test_no_server_named(domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HS_ENDPOINT")
    with pytest.raises(FileOpenError, match="set HS_ENDPOINT"):
        backend_with().open(domain, "x")


def test_wrong_password_is_said_and_never_shown(domain: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    backend = backend_with(password="not the one")
    with pytest.raises(FileOpenError, match="user name or password are wrong") as caught:
        backend.open(domain, "x")
    for text in (str(caught.value), repr(backend.location.server), repr(RemoteOptions().completed()), caplog.text):
        assert "not the one" not in text and PASSWORD not in text


def test_connection_in_words(hsds: HsdsServer, folder: Path) -> None:
    assert words_about(RemoteOptions()).endswith(f"as {USER}: the folder /home/{USER} is there.")
    assert f"the folder {folder.as_posix()} is there" in words_about(RemoteOptions(), folder.as_posix())
    assert "there is no /home/nowhere on the server" in words_about(RemoteOptions(), "/home/nowhere")
    assert "user name or password are wrong" in words_about(RemoteOptions(password="wrong"))
    assert "is the address right" in words_about(RemoteOptions(endpoint=f"http://127.0.0.1:{free_port()}"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a certificate for this machine that nobody else has signed, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def test_a_certificate_of_ones_own(hsds: HsdsServer, domain: Path, certificate: Path) -> None:
    proxy = Proxy(hsds.sn_port, certificate=certificate)
    try:
        with pytest.raises(
            FileOpenError,
            match=r"no authority that is known here has signed its certificate.*Certificate in the settings",
        ):
            backend_with(endpoint=proxy.endpoint).open(domain, "x")
        with pytest.raises(FileOpenError, match="does not belong to that address"):
            elsewhere = proxy.endpoint.replace("127.0.0.1", "localhost")
            backend_with(endpoint=elsewhere, certificate=str(certificate)).open(domain, "x")
        with pytest.raises(FileOpenError, match="there is no certificate"):
            backend_with(endpoint=proxy.endpoint, certificate="nowhere.pem").open(domain, "x")
        backend = backend_with(endpoint=proxy.endpoint, certificate=str(certificate))
        backend.open(domain, "x")
        make_group(backend, "/", "Group")
        backend.close()
        assert "the folder" in words_about(RemoteOptions(endpoint=proxy.endpoint, certificate=str(certificate)))
    finally:
        proxy.close()


def test_a_key_instead_of_name_and_password(domain: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HS_USERNAME")
    monkeypatch.delenv("HS_PASSWORD")
    proxy.key = "a key of letters"
    backend = backend_with(endpoint=proxy.endpoint, api_key=proxy.key)
    backend.open(domain, "x")
    backend.close()
    options = RemoteOptions(endpoint=proxy.endpoint, api_key="wrong")
    assert "the API key is not accepted" in words_about(options) and "wrong" not in repr(options)
    monkeypatch.setenv("HS_API_KEY", proxy.key)
    assert "as the owner of the API key: the" in words_about(RemoteOptions(endpoint=proxy.endpoint))


@pytest.mark.parametrize("endpoint", ["server:5101", "127.0.0.1:5101", "http://", "ftp://server"])
def test_what_is_no_address_is_said(domain: Path, endpoint: str) -> None:
    with pytest.raises(FileOpenError, match="is not the address of a server"):
        backend_with(endpoint=endpoint).open(domain, "x")


def test_a_page_is_no_server(domain: Path, proxy: Proxy) -> None:
    """As companies' proxies answer whoever has not told them who he is."""
    proxy.login = True
    with pytest.raises(FileOpenError, match="shows a page, as a web site does"):
        backend_with(endpoint=proxy.endpoint).open(domain, "x")
    assert "shows a page" in words_about(RemoteOptions(endpoint=proxy.endpoint))


def test_a_group_of_servers(hsds: HsdsServer, domain: Path, proxy: Proxy) -> None:
    """The next one goes on where one does not answer any more."""
    backend = backend_with(endpoint=f"{proxy.endpoint} {hsds.endpoint}")
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    backend.append(rows, np.arange(10))
    backend.checkpoint()
    assert proxy.requests
    proxy.faulty, proxy.resets = anything, 1000
    backend.append(rows, np.arange(10, 20))
    backend.close()
    backend.open(domain, "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(20)) and proxy.resets
    backend.close()
    assert same_server(f"{proxy.endpoint}, http://localhost:{hsds.sn_port}", hsds.endpoint)
    with pytest.raises(FileOpenError, match="'nowhere' is not the address of a server"):
        backend_with(endpoint=f"{hsds.endpoint} nowhere").open(domain, "r")


def test_what_is_no_certificate(domain: Path, tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("no certificate")
    with pytest.raises(FileOpenError, match=r"own\.pem is no certificate"):
        backend_with(endpoint="https://127.0.0.1:1", certificate=str(tmp_path / "own.pem")).open(domain, "x")


def test_the_compose_file_is_what_is_tested(hsds: HsdsServer) -> None:
    """Its nodes are started with what those of the tests are started with, but for places and who asks."""
    import yaml

    text = (Path(__file__).parents[2] / "examples" / "hsds_compose.yml").read_text()
    places = {
        f"http://{name}:{6101 if name != 'sn' else 5101}": f"http://127.0.0.1:{hsds.ports[name]}" for name in hsds.ports
    }
    places |= {"=/data": f"={hsds.root}", "=/config": f"={hsds.folder / 'config'}"}
    for known, meant in {**places, "${HS_USERNAME}": USER, "${HS_PASSWORD}": PASSWORD}.items():
        text = text.replace(known, meant)
    services = yaml.safe_load(text)["services"]
    assert {name: node["command"] for name, node in services.items()} == {
        name: hsds.options(name) for name in hsds.ports
    }
