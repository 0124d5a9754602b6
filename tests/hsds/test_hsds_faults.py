"""What goes wrong with servers and networks, each with counts: no row that was accepted may be lost without a word."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faults import until
from faulty_proxy import Proxy, anything
from hsds_server import FAST, PASSWORD, USER, HsdsServer, free_port

from h5saver_widget.backends.h5pyd_backend import H5pydBackend
from h5saver_widget.backends.h5pyd_client import test_connection as words_about
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_rest import Rest
from h5saver_widget.backends.remote_sending import send_rest
from h5saver_widget.backends.remote_spool import keep_folder
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError

QUICK = {"patience_seconds": 20.0, "flush_seconds": 0.02, "checkpoint_seconds": 0.1, "lease_seconds": 1.0}


def backend_with(**options: object) -> H5pydBackend:
    return H5pydBackend({**QUICK, **options})


@pytest.mark.parametrize(("nodes", "kills"), [(("dn",), 1), (("sn", "dn"), 2)], ids=["dn", "sn+dn twice"])
def test_server_killed_while_recording_loses_no_row(own_server: HsdsServer, nodes: tuple[str, ...], kills: int) -> None:
    """Killed as by a power cut, with everything that was only in its memory."""
    backend = backend_with(endpoint=own_server.endpoint, checkpoint_seconds=1e9)
    path = Path(f"/home/{USER}/killed{len(nodes)}.h5")
    backend.open(path, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(4,), dtype=np.dtype("i8"))
    points = backend.create_array(backend.root(), "Points", shape=(3000,), dtype=np.dtype("f8"), fill_value=-1.0)
    backend.checkpoint()
    accepted = 0
    for kill in range(kills + 1):
        for _ in range(500):
            backend.append(rows, np.full((1, 4), accepted))
            backend.write(points, (accepted,), np.array(float(accepted)))
            accepted += 1
        if kill < kills:
            backend.flush()
            own_server.kill(*nodes)
            backend.append(rows, np.full((1, 4), accepted))  # nobody waits for a server that is gone
            backend.write(points, (accepted,), np.array(float(accepted)))
            accepted += 1
            own_server.start(*reversed(nodes))
            group = backend.create_group(backend.root(), f"After{kill}")
            assert backend.path_of(group) == f"/After{kill}"
    backend.close()
    own_server.kill()
    own_server.start()  # what is left is what was written to storage
    backend.open(path, "r")
    found = backend.read(backend.node("/Rows"))
    assert found[:, 0].tolist() == list(range(accepted)) and (found == found[:, :1]).all()
    assert backend.read(backend.node("/Points"))[:accepted].tolist() == list(range(accepted))
    assert backend.children(backend.root()) == [*(f"After{n}" for n in range(kills)), "Points", "Rows"]
    backend.close()


def test_a_server_that_was_started_again_before_anybody_noticed(own_server: HsdsServer) -> None:
    """It answers as if nothing had happened, and has forgotten what it was told a moment ago."""
    backend = backend_with(endpoint=own_server.endpoint, checkpoint_seconds=1e9)
    path = Path(f"/home/{USER}/unnoticed.h5")
    backend.open(path, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    points = backend.create_array(backend.root(), "Points", shape=(50,), dtype=np.dtype("f8"))
    backend.append(rows, np.arange(100))
    backend.write(points, slice(0, 40), np.arange(40.0))
    backend.flush()
    own_server.kill()
    own_server.start()
    backend.write(points, slice(40, 50), np.arange(40.0, 50.0))
    backend.append(rows, np.arange(100, 110))
    backend.close()
    backend.open(path, "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(110))
    assert backend.read(backend.node("/Points")).tolist() == list(range(50))
    backend.close()


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
def test_groups_and_arrays_wait_for_a_server_that_is_away(own_server: HsdsServer, isolated: bool) -> None:
    backend = create_backend("h5pyd", isolated=isolated)
    backend.use_server({**QUICK, "endpoint": own_server.endpoint, "patience_seconds": 0.2})
    path = Path(f"/home/{USER}/waits{isolated}.h5")
    backend.open(path, "x")
    first = backend.create_growing(backend.root(), "First", row_shape=(), dtype=np.dtype("i8"))
    backend.append(first, np.arange(10))
    backend.flush()
    own_server.kill()

    def record() -> None:
        backend.append(first, np.arange(10, 20))
        group = backend.create_group(backend.root(), "Group", {"made": "meanwhile"})
        second = backend.create_growing(group, "Second", row_shape=(2,), dtype=np.dtype("f8"))
        backend.append(second, np.ones((5, 2)))
        backend.set_attributes(second, {"units": "V"})

    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(record)
        own_server.start()  # takes longer than patience_seconds
        recording.result(60)
    backend.append(first, np.arange(20, 30))
    backend.close()
    own_server.kill()
    own_server.start()
    backend.open(path, "r")
    assert backend.read(backend.node("/First")).tolist() == list(range(30))
    assert backend.read(backend.node("/Group/Second")).tolist() == [[1.0, 1.0]] * 5
    found = {**backend.get_attributes(backend.node("/Group")), **backend.get_attributes(backend.node("/Group/Second"))}
    assert found == {"made": "meanwhile", "units": "V"}
    backend.close()


def test_a_server_that_stays_away_is_waited_for_no_longer_than_was_said(own_server: HsdsServer) -> None:
    backend = backend_with(endpoint=own_server.endpoint, change_seconds=0.2, patience_seconds=0.2)
    backend.open(Path(f"/home/{USER}/stays.h5"), "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    own_server.kill()
    with pytest.raises(RemoteError, match=r"option change_seconds.*with a mirror"):
        backend.create_group(backend.root(), "Group")
    backend.append(rows, np.arange(10))
    own_server.start()
    backend.create_group(backend.root(), "Group")
    backend.close()
    backend.open(Path(f"/home/{USER}/stays.h5"), "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(10))
    backend.close()


def test_checkpoints_are_on_storage(own_server: HsdsServer) -> None:
    """A program that ends without closing, with its server: what was before the last checkpoint is there."""
    backend = backend_with(endpoint=own_server.endpoint, checkpoint_seconds=1e9)
    path = Path(f"/home/{USER}/checkpoint.h5")
    backend.open(path, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    backend.append(rows, np.arange(1000))
    backend.checkpoint()
    own_server.kill()
    assert backend._journal is not None
    backend._journal.end()
    own_server.start()
    again = backend_with(endpoint=own_server.endpoint)
    again.open(path, "r")
    assert again.read(again.node("/Rows")).tolist() == list(range(1000))
    again.close()


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
    for text in (str(caught.value), repr(backend.options), repr(RemoteOptions().completed()), caplog.text):
        assert "not the one" not in text and PASSWORD not in text


def test_connection_in_words(hsds: HsdsServer, folder: Path) -> None:
    assert words_about(RemoteOptions()).endswith(f"as {USER}: the folder /home/{USER} is there.")
    assert f"the folder {folder.as_posix()} is there" in words_about(RemoteOptions(), folder.as_posix())
    assert "there is no /home/nowhere on the server" in words_about(RemoteOptions(), "/home/nowhere")
    assert "user name or password are wrong" in words_about(RemoteOptions(password="wrong"))
    assert "is the address right" in words_about(RemoteOptions(endpoint=f"http://127.0.0.1:{free_port()}"))


def test_two_writers(domain: Path) -> None:
    first, second = backend_with(), backend_with()
    first.open(domain, "x")
    rows = first.create_growing(first.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    with pytest.raises(FileOpenError, match="only one program can write"):
        second.open(domain, "r+")
    first.append(rows, np.arange(4))
    second.open(domain, "r")  # readers are welcome
    second.close()
    first.close()
    second.open(domain, "r+")
    second.append(second.node("/Rows"), np.arange(4, 7))
    second.close()
    first.open(domain, "r+")
    first.append(first.node("/Rows"), np.arange(7, 8))
    assert first.read(first.node("/Rows")).tolist() == list(range(8))
    first.close()


def test_a_mark_that_could_not_be_removed_keeps_nobody_out(domain: Path) -> None:
    """It was left by a file of this process that was closed while the server was away."""
    first, second = backend_with(), backend_with()
    first.open(domain, "x")
    assert first._mark is not None and first._journal is not None
    first._mark.let_go()
    first._journal.end()
    second.open(domain, "r+")
    second.create_group(second.root(), "Group")
    second.close()


def test_a_writer_that_lost_its_file_is_told(domain: Path) -> None:
    first, second = backend_with(), backend_with()
    first.open(domain, "x")
    rows = first.create_growing(first.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    first.append(rows, np.arange(4))
    first.checkpoint()
    second.open(domain, "r+", locking=False)  # taken by force
    assert first._mark is not None
    first._mark.told_at = 0.0
    with pytest.raises(RemoteRefusedError, match="another program writes"):
        first.checkpoint()
    with pytest.raises(RemoteRefusedError, match="another program writes"):
        first.append(rows, np.arange(1))
    with pytest.raises(RemoteRefusedError):
        first.close()
    assert second.read(second.node("/Rows")).tolist() == [0, 1, 2, 3]
    second.close()


def test_reader_during_writing_sees_no_torn_row(domain: Path) -> None:
    writer, reader = backend_with(flush_seconds=0.005), backend_with()
    writer.open(domain, "x")
    rows = writer.create_growing(writer.root(), "Rows", row_shape=(32,), dtype=np.dtype("i8"))
    writer.flush()
    stop = threading.Event()

    def write() -> None:
        number = 1
        while not stop.is_set():
            writer.append(rows, np.full((1, 32), number))
            number += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=write)
    thread.start()
    torn = reads = last = 0
    try:
        reader.open(domain, "r")
        array = reader.node("/Rows")
        while reads < 150:
            reader.refresh(array)
            found = reader.read(array)
            expected = np.arange(1, len(found) + 1)[:, np.newaxis]
            torn += not (found == expected).all() or len(found) < last
            last = len(found)
            reads += 1
        reader.close()
    finally:
        stop.set()
        thread.join()
        writer.close()
    assert (torn, reads) == (0, 150) and last > 0


def test_rows_are_not_seen_before_their_values(domain: Path, proxy: Proxy) -> None:
    """Not even those of the very first batch: there is room for them, and they are zeros."""
    writer, reader = backend_with(endpoint=proxy.endpoint), backend_with()
    writer.open(domain, "x")
    rows = writer.create_growing(writer.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    text = writer.create_text(writer.root(), "Text")
    proxy.refuse = 503
    writer.append(rows, np.arange(1, 6))
    writer.append(text, np.frombuffer(b"words", "u1"))
    until(lambda: len(proxy.sizes) == 2)
    reader.open(domain, "r")
    for name in ("/Rows", "/Text"):
        assert reader.info(reader.node(name)).shape == (0,) and len(reader.read(reader.node(name))) == 0
    proxy.refuse = 0
    writer.close()
    reader.refresh(reader.node("/Rows"))
    assert reader.read(reader.node("/Rows")).tolist() == [1, 2, 3, 4, 5]
    reader.close()


def test_a_request_that_is_carried_out_late_takes_no_row_away(domain: Path, proxy: Proxy, hsds: HsdsServer) -> None:
    backend = backend_with(endpoint=proxy.endpoint)
    backend.open(domain, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(3,), dtype=np.dtype("i8"))
    for number in range(3):
        backend.append(rows, np.full((4, 3), number))
        backend.checkpoint()  # nothing of it is kept here
    proxy.resize_again()
    assert backend.read(rows)[:, 0].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    backend.append(rows, np.full((4, 3), 3))
    name = backend.identity(rows)
    backend.close()
    backend.open(domain, "r+")
    assert backend.read(backend.node("/Rows"))[:, 2].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    backend.close()
    described = hsds.request("GET", f"/datasets/{name}", domain.as_posix())[1]
    assert described["shape"]["dims"] == [16, 3], "the room that nobody needed was given back"


def test_stale_summary_loses_no_row(tmp_path: Path) -> None:
    """A server that writes summaries after a write: sessions that append later must not believe them."""
    server = HsdsServer(tmp_path / "own", {**FAST, "scan_wait_time": "0", "scan_sleep_time": "0.1"})
    try:
        server.start()
        server.make_folder(f"/home/{USER}")
        path = Path(f"/home/{USER}/summary.h5")
        backend = backend_with(endpoint=server.endpoint)
        backend.open(path, "x")
        backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
        total = 0
        for count in (4, 3, 1):
            if not backend.is_open:
                backend.open(path, "r+")
            backend.append(backend.node("/Rows"), np.arange(total, total + count))
            total += count
            backend.close()
            server.request("PUT", "/", path.as_posix(), rescan="1")  # the summary is written now
        backend.open(path, "r")
        assert backend.read(backend.node("/Rows")).tolist() == list(range(8))
        backend.close()
    finally:
        server.stop()


@pytest.mark.parametrize("status", [507, 500, 503, 429])
def test_what_a_server_can_not_take_now_is_kept(domain: Path, proxy: Proxy, tmp_path: Path, status: int) -> None:
    """Nothing is refused and nothing lost: it waits in memory, then on the local disk, and the state says so."""
    backend = backend_with(endpoint=proxy.endpoint, queue_bytes=200_000, keep_folder=str(tmp_path / "kept"))
    backend.open(domain, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(1000,), dtype=np.dtype("i8"))
    text = backend.create_text(backend.root(), "Text")
    points = backend.create_array(backend.root(), "Points", shape=(100,), dtype=np.dtype("i8"))
    proxy.refuse = status
    for number in range(100):
        backend.append(rows, np.full((1, 1000), number))
        backend.append(text, np.frombuffer(f"line {number}".encode(), "u1"))
        backend.write(points, number, np.array(number))
    until(lambda: f"({status})" in backend.delivery.problem)
    found = backend.delivery
    assert found.in_memory <= 200_000 and found.in_memory + found.on_disk > 800_000
    proxy.refuse = 0
    backend.close()
    assert backend.delivery.on_disk == 0 and list((tmp_path / "kept").iterdir()) == []
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
        rows = backend.create_growing(backend.root(), "Rows", row_shape=(1000,), dtype=np.dtype("i8"))
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
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    proxy.refuse, proxy.retry_after = 503, "1"
    backend.append(rows, np.arange(10))
    until(lambda: proxy.refused)
    begin = time.monotonic()
    until(lambda: proxy.refused == 2)
    assert time.monotonic() - begin > 0.8, "it had asked for a second"
    proxy.refuse = 0
    backend.close()


def test_a_proxy_that_takes_small_pieces_gets_small_pieces(domain: Path, proxy: Proxy) -> None:
    """As nginx does by default, with a megabyte."""
    backend = backend_with(endpoint=proxy.endpoint)
    backend.open(domain, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(50, 50), dtype=np.dtype("i8"))
    text = backend.create_text(backend.root(), "Text")
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
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    backend.append(rows, np.arange(10))
    backend.flush()
    proxy.refuse = status
    backend.append(rows, np.arange(10, 30))
    until(lambda: "No more is accepted" in backend.delivery.problem)
    with pytest.raises(RemoteRefusedError, match=r"what is not on the server \(160 bytes\) is kept here"):
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
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    for number in range(20):
        proxy.resets = 1
        backend.append(rows, np.arange(number * 5, number * 5 + 5))
        group = backend.create_group(backend.root(), f"Group{number}")
        backend.set_attributes(group, {"number": number})
        backend.flush()
    backend.close()
    backend.open(domain, "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(100))
    assert len(backend.children(backend.root())) == 21
    backend.close()


def test_close_says_what_could_not_be_delivered(own_server: HsdsServer) -> None:
    backend = backend_with(endpoint=own_server.endpoint, patience_seconds=0.2)
    backend.open(Path(f"/home/{USER}/gone.h5"), "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    backend.checkpoint()
    own_server.kill()
    backend.append(rows, np.arange(10))
    begin = time.monotonic()
    with pytest.raises(RemoteError, match=r"80 bytes of 1 arrays were accepted and are not safe.*They are kept in"):
        backend.close()
    assert not backend.is_open and time.monotonic() - begin < 10, "closing never waits for long"
    own_server.start()
    (left,) = Rest.files(keep_folder())
    assert send_rest(left, RemoteOptions(endpoint=own_server.endpoint)) == Path(f"/home/{USER}/gone.h5")
    backend.open(Path(f"/home/{USER}/gone.h5"), "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(10))
    backend.close()


def test_appending_does_not_wait_for_a_slow_server(domain: Path, proxy: Proxy) -> None:
    backend = backend_with(endpoint=proxy.endpoint)
    backend.open(domain, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(), dtype=np.dtype("i8"))
    points = backend.create_array(backend.root(), "Points", shape=(40, 50), dtype=np.dtype("i8"))
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
    from h5saver_widget.backends import remote_blocks, remote_reading

    monkeypatch.setattr(remote_blocks, "MAX_REQUEST", 1000)
    monkeypatch.setattr(remote_reading, "MAX_REQUEST", 1000)
    backend = backend_with()
    backend.open(domain, "x")
    rows = backend.create_growing(backend.root(), "Rows", row_shape=(10, 30), dtype=np.dtype("i8"))
    values = np.arange(2100).reshape(7, 10, 30)
    backend.append(rows, values)
    fixed = backend.create_array(backend.root(), "Fixed", data=values)
    text = backend.create_text(backend.root(), "Text")
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
