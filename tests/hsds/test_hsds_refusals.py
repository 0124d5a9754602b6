"""What a server answers that is not well: try again, smaller pieces, not now, never; nothing accepted is dropped."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from faults import backend_with, until
from faulty_proxy import Proxy, anything, writes_values

from h5saver_widget.backends.remote_journal import send_rest
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_rest import Rest
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError
from h5saver_widget.testing.making import make_array, make_group, make_growing, make_text


@pytest.mark.parametrize("status", [507, 500, 502, 504, 503, 429, 401])
def test_what_a_server_can_not_take_now_is_kept(domain: Path, proxy: Proxy, tmp_path: Path, status: int) -> None:
    """Nothing is refused and nothing lost: it waits in memory, then on the local disk, and the state says so.

    Somebody who was let in before, and is not now (401), has a password or key that has expired.
    """
    backend = backend_with(endpoint=proxy.endpoint, queue_bytes=200_000, keep_folder=str(tmp_path / "kept"))
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", row_shape=(1000,), dtype="i8")
    text = make_text(backend, "/", "Text")
    points = make_array(backend, "/", "Points", shape=(100,), dtype="i8")
    proxy.refuse = status
    for number in range(100):
        backend.append(rows, np.full((1, 1000), number))
        backend.append(text, np.frombuffer(f"line {number}".encode(), "u1"))
        backend.write(points, number, np.array(number))
    until(lambda: f"({status})" in backend.queue.activity().problem)
    found = backend.queue.activity()
    assert found.unsafe_bytes <= 200_000 and found.unsafe_bytes + found.spilled_bytes > 800_000
    proxy.refuse = 0
    backend.close()
    assert backend.queue.activity().is_safe and list((tmp_path / "kept").iterdir()) == []
    backend.open(domain, "r")
    assert backend.read(backend.node("/Rows"))[:, 0].tolist() == list(range(100))
    assert backend.read(backend.node("/Points")).tolist() == list(range(100))
    assert [row.tobytes() for row in backend.read(backend.node("/Text"))] == [b"line %d" % n for n in range(100)]
    backend.close()


def test_without_a_local_disk_new_values_are_refused(domain: Path, proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for options in ({"keep": False}, {"keep_folder": str(tmp_path / "file" / "no folder")}):
        backend = backend_with(endpoint=proxy.endpoint, queue_bytes=200_000, **options)
        backend.open(domain.with_name(f"{len(options)}{'keep' in options}.h5"), "x")
        rows = make_growing(backend, "/", "Rows", row_shape=(1000,), dtype="i8")
        proxy.refuse, accepted = 507, 0
        with pytest.raises(RemoteError, match=r"the new values were refused: .*storage is full"):
            for _ in range(100):
                backend.append(rows, np.full((1, 1000), accepted))
                accepted += 1
        assert 5 < accepted < 60
        proxy.refuse = 0
        assert backend.read(rows)[:, 0].tolist() == list(range(accepted))
        backend.close()


def test_the_server_says_when_to_come_back(domain: Path, proxy: Proxy) -> None:
    backend = backend_with(endpoint=proxy.endpoint)
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    proxy.refuse, proxy.retry_after = 503, "1"
    backend.append(rows, np.arange(10))
    until(lambda: proxy.refused)
    begin = time.monotonic()
    until(lambda: proxy.refused == 2)
    assert time.monotonic() - begin > 0.8, "it had asked for a second"
    proxy.refuse = 0
    backend.close()


def test_a_new_key_for_one_that_has_expired(domain: Path, proxy: Proxy) -> None:
    proxy.key = "of yesterday"
    options = {"endpoint": proxy.endpoint, "username": "", "password": ""}
    backend = backend_with(**options, api_key=proxy.key)
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    proxy.key = "of today"
    backend.append(rows, np.arange(10))
    until(lambda: "the API key is not accepted; it was accepted before" in backend.queue.activity().problem)
    backend.location.use_server({**options, "username": "another user", "api_key": proxy.key})
    assert not backend.queue.activity().is_safe, "that is meant for other files"
    backend.location.use_server({**options, "api_key": proxy.key})
    until(lambda: backend.queue.activity().is_safe)
    backend.append(rows, np.arange(10, 20))
    backend.close()
    reader = backend_with()
    reader.open(domain, "r")
    assert reader.read(reader.node("/Rows")).tolist() == list(range(20))
    reader.close()


def test_only_the_file_that_is_refused_waits(domain: Path, proxy: Proxy) -> None:
    proxy.faulty = lambda method, path: writes_values(method, path) and "first" in path
    backends = [backend_with(endpoint=proxy.endpoint) for _ in range(2)]
    arrays = []
    for backend, name in zip(backends, ("first.h5", "second.h5"), strict=True):
        backend.open(domain.with_name(name), "x")
        arrays.append(make_growing(backend, "/", "Rows", dtype="i8"))
    proxy.refuse = 507
    for backend, rows in zip(backends, arrays, strict=True):
        backend.append(rows, np.arange(10))
    until(lambda: "storage is full" in backends[0].queue.activity().problem)
    backends[1].checkpoint()
    assert backends[1].queue.activity().is_safe and not backends[0].queue.activity().is_safe
    proxy.refuse = 0
    for backend, rows in zip(backends, arrays, strict=True):
        assert backend.read(rows).tolist() == list(range(10))
        backend.close()


@pytest.mark.parametrize("fault", ["gzip", "chunked", "halved", "late"])
def test_answers_that_come_in_another_way(domain: Path, proxy: Proxy, fault: str) -> None:
    """Packed, in pieces, without their second half, or so late that nobody waits any more: it is carried out once."""
    backend = backend_with(endpoint=proxy.endpoint, timeout_seconds=0.4, connect_seconds=20.0)
    proxy.coding = fault if fault in ("gzip", "chunked") else ""
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", row_shape=(3,), dtype="i8")
    text = make_text(backend, "/", "Text")
    proxy.faulty = lambda method, _: method != "GET"
    for number in range(4):
        proxy.late, proxy.halved, before = (0.6 if fault == "late" else 0), 6 * (fault == "halved"), proxy.refused
        backend.append(rows, np.full((5, 3), number))
        backend.append(text, np.frombuffer(b"line", "u1"))
        until(lambda seen=before: proxy.refused > seen or fault != "late")
        proxy.late = 0.0
        make_group(backend, "/", f"Group{number}")
        backend.flush()
    backend.close()
    backend.open(domain, "r")
    proxy.halved = 3 * (fault == "halved")
    found = backend.read(backend.node("/Rows"))
    assert found.tolist() == [[number] * 3 for number in range(4) for _ in range(5)]
    assert len(backend.read(backend.node("/Text"))) == 4 and len(backend.children(backend.root())) == 6
    backend.close()


def test_a_file_that_somebody_deletes(domain: Path, tmp_path: Path) -> None:
    backend = backend_with(keep_folder=str(tmp_path))
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    backend.checkpoint()
    other = backend_with()
    other.location.at(domain).ask("DELETE", "/")
    backend.append(rows, np.arange(10))
    until(lambda: "No more is accepted" in backend.queue.activity().problem)
    with pytest.raises(RemoteRefusedError, match=r"80 bytes of 1 arrays .* They are kept in"):
        backend.close()
    other.open(domain, "x")  # the name is free, and stays another file's
    (left,) = Rest.files(tmp_path)
    with pytest.raises(FileOpenError, match="is not the file that"):
        send_rest(left, RemoteOptions())
    assert other.children(other.root()) == []
    other.close()


def test_a_proxy_that_takes_small_pieces_gets_small_pieces(domain: Path, proxy: Proxy) -> None:
    """As nginx does by default, with a megabyte."""
    backend = backend_with(endpoint=proxy.endpoint)
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", row_shape=(50, 50), dtype="i8")
    text = make_text(backend, "/", "Text")
    proxy.largest = 9_000
    values = np.arange(20 * 2500).reshape(20, 50, 50)
    backend.append(rows, values)
    for number in range(20):
        backend.append(text, np.full(4000, number, "u1"))
    backend.close()
    proxy.largest = 0
    backend.open(domain, "r")
    np.testing.assert_array_equal(backend.read(backend.node("/Rows")), values)
    assert [int(row[0]) for row in backend.read(backend.node("/Text"))] == list(range(20))
    backend.close()


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_a_server_will_never_take_is_said_at_once(domain: Path, proxy: Proxy, tmp_path: Path, status: int) -> None:
    backend = backend_with(endpoint=proxy.endpoint, keep_folder=str(tmp_path))
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    backend.append(rows, np.arange(10))
    backend.flush()
    proxy.refuse = status
    backend.append(rows, np.arange(10, 30))
    until(lambda: "No more is accepted" in backend.queue.activity().problem)
    with pytest.raises(RemoteRefusedError, match="160 bytes that are not on the server are kept here"):
        backend.append(rows, np.arange(1))
    with pytest.raises(RemoteRefusedError, match=r"160 bytes of 1 arrays .* They are kept in"):
        backend.close()
    proxy.refuse = 0
    backend.open(domain, "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(10))
    backend.close()
    (left,) = Rest.files(tmp_path)
    assert send_rest(left, RemoteOptions()) == domain and not left.exists()
    backend.open(domain, "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(30))
    backend.close()


def test_connections_that_break(domain: Path, proxy: Proxy) -> None:
    """While the file is made, and while it is written: what was carried out without an answer is not done twice."""
    backend = backend_with(endpoint=proxy.endpoint)
    proxy.faulty, proxy.resets = anything, 1
    backend.open(domain, "x")
    assert proxy.resets == 0
    proxy.faulty, proxy.resets = (lambda method, _: method == "PUT"), 1
    second = backend_with(endpoint=proxy.endpoint)
    second.open(domain.with_name("second.h5"), "x")
    assert proxy.resets == 0
    second.close()
    proxy.faulty = lambda method, _: method != "GET"
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    for number in range(20):
        proxy.resets = 1
        backend.append(rows, np.arange(number * 5, number * 5 + 5))
        group = make_group(backend, "/", f"Group {number} 50%? #&ü+")
        backend.set_attributes(group, {"number": number})
        backend.flush()
    backend.close()
    backend.open(domain, "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(100))
    assert len(backend.children(backend.root())) == 21
    backend.close()


def test_appending_does_not_wait_for_a_slow_server(domain: Path, proxy: Proxy) -> None:
    backend = backend_with(endpoint=proxy.endpoint)
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    points = make_array(backend, "/", "Points", shape=(40, 50), dtype="i8")
    proxy.delay, before = 0.05, proxy.requests
    for number in range(2000):
        backend.append(rows, np.array([number]))
        backend.write(points, divmod(number, 50), np.array(number))
    proxy.delay = 0
    assert backend.read(points).ravel().tolist() == list(range(2000))
    assert proxy.requests - before < 150, "rows, and points of a line of a scan, are sent in batches"
    assert backend.read(rows).tolist() == list(range(2000))
    backend.close()


def test_what_no_request_can_carry_is_cut(domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from h5saver_widget.backends import h5pyd_backend

    monkeypatch.setattr(h5pyd_backend, "MAX_REQUEST", 1000)
    backend = backend_with()
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", row_shape=(10, 30), dtype="i8")
    values = np.arange(2100).reshape(7, 10, 30)
    backend.append(rows, values)
    fixed = make_array(backend, "/", "Fixed", data=values)
    text = make_text(backend, "/", "Text")
    for size in (600, 600, 10, 2000, 0):
        backend.append(text, np.full(size, size % 251, "u1"))
    backend.set_attributes(backend.root(), {f"long{i}": "ü" * 150_000 for i in range(4)})
    backend.close()
    backend.open(domain, "r")
    for name in ("/Rows", "/Fixed"):
        np.testing.assert_array_equal(backend.read(backend.node(name)), values)
        np.testing.assert_array_equal(backend.read(backend.node(name), (slice(1, 6, 2), 3)), values[1:6:2, 3])
    assert [len(row) for row in backend.read(backend.node("/Text"))] == [600, 600, 10, 2000, 0]
    assert len(backend.get_attributes(backend.root())) == 4
    backend.close()
    assert fixed is not None
