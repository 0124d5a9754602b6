"""Nodes that are killed, one or all, while somebody writes: no row is lost, none is seen before its values."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from faults import QUICK, backend_with, until
from faulty_proxy import Proxy
from hsds_server import FAST, USER, HsdsServer

from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.remote_rest import Rest, keep_folder
from h5saver_widget.backends.terms import Activity
from h5saver_widget.cli import main
from h5saver_widget.errors import RemoteError
from h5saver_widget.testing.making import make_array, make_group, make_growing, make_text


@pytest.mark.parametrize(("nodes", "kills"), [(("dn",), 1), (("sn", "dn"), 2)], ids=["dn", "sn+dn twice"])
def test_server_killed_while_recording_loses_no_row(own_server: HsdsServer, nodes: tuple[str, ...], kills: int) -> None:
    """Killed as by a power cut, with everything that was only in its memory."""
    backend = backend_with(endpoint=own_server.endpoint, checkpoint_seconds=1e9)
    path = Path(f"/home/{USER}/killed{len(nodes)}.h5")
    backend.open(path, "x")
    rows = make_growing(backend, "/", "Rows", row_shape=(4,), dtype="i8")
    points = make_array(backend, "/", "Points", shape=(3000,), dtype="f8", fill_value=-1.0)
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
            group = make_group(backend, "/", f"After{kill}")
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
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    points = make_array(backend, "/", "Points", shape=(50,), dtype="f8")
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
    backend.location.use_server({**QUICK, "endpoint": own_server.endpoint, "patience_seconds": 0.2})
    path = Path(f"/home/{USER}/waits{isolated}.h5")
    backend.open(path, "x")
    first = make_growing(backend, "/", "First", dtype="i8")
    backend.append(first, np.arange(10))
    backend.flush()
    own_server.kill()

    def record() -> None:
        backend.append(first, np.arange(10, 20))
        group = make_group(backend, "/", "Group", {"made": "meanwhile"})
        second = make_growing(backend, group, "Second", row_shape=(2,), dtype="f8")
        backend.append(second, np.ones((5, 2)))
        backend.set_attributes(second, {"units": "V"})

    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(record)
        if not isolated:  # a worker takes all of it, and waits by itself
            with pytest.raises(TimeoutError):
                recording.result(0.3)  # longer than patience_seconds
        own_server.start()
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
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    own_server.kill()
    with pytest.raises(RemoteError, match=r"option change_seconds.*with a mirror"):
        make_group(backend, "/", "Group")
    backend.append(rows, np.arange(10))
    own_server.start()
    make_group(backend, "/", "Group")
    backend.close()
    backend.open(Path(f"/home/{USER}/stays.h5"), "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(10))
    backend.close()


def test_checkpoints_are_on_storage(own_server: HsdsServer) -> None:
    """A program that ends without closing, with its server: what was before the last checkpoint is there."""
    backend = backend_with(endpoint=own_server.endpoint, checkpoint_seconds=1e9)
    path = Path(f"/home/{USER}/checkpoint.h5")
    backend.open(path, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    backend.append(rows, np.arange(1000))
    backend.checkpoint()
    own_server.kill()
    assert backend.queue.journal is not None
    backend.queue.journal.end()
    own_server.start()
    again = backend_with(endpoint=own_server.endpoint)
    again.open(path, "r")
    assert again.read(again.node("/Rows")).tolist() == list(range(1000))
    again.close()


def test_reader_during_writing_sees_no_torn_row(domain: Path) -> None:
    writer, reader = backend_with(flush_seconds=0.005), backend_with()
    writer.open(domain, "x")
    rows = make_growing(writer, "/", "Rows", row_shape=(32,), dtype="i8")
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
    rows = make_growing(writer, "/", "Rows", dtype="i8")
    text = make_text(writer, "/", "Text")
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
    rows = make_growing(backend, "/", "Rows", row_shape=(3,), dtype="i8")
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
        make_growing(backend, "/", "Rows", dtype="i8")
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


def test_close_says_what_could_not_be_delivered(own_server: HsdsServer) -> None:
    backend = backend_with(endpoint=own_server.endpoint, patience_seconds=0.2)
    backend.open(Path(f"/home/{USER}/gone.h5"), "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    backend.checkpoint()
    own_server.kill()
    backend.append(rows, np.arange(10))
    begin = time.monotonic()
    with pytest.raises(RemoteError, match=r"80 bytes of 1 arrays were accepted and are not safe.*They are kept in"):
        backend.close()
    assert not backend.is_open and time.monotonic() - begin < 10, "closing never waits for long"
    own_server.start()
    (left,) = Rest.files(keep_folder())
    assert main(["push", str(left), "--endpoint", own_server.endpoint]) == 0 and not left.exists()
    backend.open(Path(f"/home/{USER}/gone.h5"), "r")
    assert backend.read(backend.node("/Rows")).tolist() == list(range(10))
    backend.close()


def test_a_healthy_server_is_sent_nothing_twice(domain: Path) -> None:
    """Its nodes are named in any order."""
    backend = backend_with()
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    for number in range(15):
        backend.append(rows, np.array([number]))
        backend.checkpoint()
    assert backend.queue.activity() == Activity()
    backend.close()


def test_one_node_and_the_program_killed_together(own_server: HsdsServer) -> None:
    """Rows that are counted have their values: a count is told when they are safe."""
    for number, node in enumerate(("dn0", "dn1")):
        backend = backend_with(endpoint=own_server.endpoint)
        path = Path(f"/home/{USER}/together{number}.h5")
        backend.open(path, "x")
        arrays = [make_growing(backend, "/", f"Rows{i}", row_shape=(1024,), dtype="i8") for i in range(3)]
        backend.flush()
        for first in range(200):
            for array in arrays:
                backend.append(array, np.full((2, 1024), first + 1))
        backend.checkpoint()
        for array in arrays:
            backend.append(array, np.full((300, 1024), 201))
        assert backend.queue.journal is not None
        backend.queue.journal.deliver()
        own_server.kill(node)
        backend.queue.journal.end()
        own_server.start()
        reader = backend_with(endpoint=own_server.endpoint)
        reader.open(path, "r")
        for name in reader.children(reader.root()):
            found = reader.read(reader.node(f"/{name}"))
            assert len(found) >= 398 and found.all(), f"{len(found)} rows are counted"
        reader.close()


def test_a_program_and_its_process_killed_before_a_slow_server(domain: Path, proxy: Proxy) -> None:
    """What is lost is what was said not to be safe, and nothing else."""
    script = """
import sys
import numpy as np
from pathlib import Path
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import NodeKind, NodeSpec
backend = create_backend('h5pyd', isolated=True)
quick = {'flush_seconds': 0.02, 'checkpoint_seconds': 0.1, 'lease_seconds': 1}
backend.location.use_server({'endpoint': sys.argv[2], **quick})
backend.open(Path(sys.argv[1]), 'x')
rows = backend.create(backend.root(), 'Rows', NodeSpec(NodeKind.GROWING, (100,), dtype='i8'))
for number in range(10**9):
    backend.append(rows, np.full((1, 100), number))
    backend.flush_soon()
    found = backend.queue.activity()
    print(number + 1, found.unsafe_bytes + found.spilled_bytes + found.waiting_bytes, flush=True)
    sys.stdin.read(1)
"""
    proxy.delay, safe = 0.05, 0
    command = [sys.executable, "-c", script, domain.as_posix(), proxy.endpoint]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None and program.stdin is not None
        while safe < 200:
            accepted, unsafe = map(int, program.stdout.readline().split())
            safe = max(safe, accepted - unsafe // 800)
            program.stdin.write(".")
            program.stdin.flush()
        for process in [*psutil.Process(program.pid).children(), psutil.Process(program.pid)]:
            process.kill()
        program.communicate()
    reader = backend_with()
    reader.open(domain, "r")
    found = reader.read(reader.node("/Rows"))
    assert len(found) >= safe and found[:, 0].tolist() == list(range(len(found))), f"{safe} were said to be safe"
    reader.close()


def test_many_who_record_to_one_server(folder: Path) -> None:
    """More requests at once than it takes: it is busy for some, and none of them loses anything."""

    def record(number: int) -> int:
        backend = backend_with(patience_seconds=30.0)
        backend.open(folder / f"{number}.h5", "x")
        arrays = [make_growing(backend, "/", f"Rows{i}", dtype="i8") for i in range(8)]
        for first in range(0, 200, 50):
            for array in arrays:
                backend.append(array, np.arange(first, first + 50))
            backend.set_attributes(backend.root(), {"first": first})
        backend.close()
        backend.open(folder / f"{number}.h5", "r")
        found = sum(backend.read(backend.node(f"/Rows{i}")).tolist() == list(range(200)) for i in range(8))
        backend.close()
        return found

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(record, range(8))) == [8] * 8
