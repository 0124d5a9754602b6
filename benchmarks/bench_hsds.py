"""Recording to a server on loopback beside a local file: how it grows with its data nodes and the delay of the network.

    python benchmarks/bench_hsds.py [--nodes 1 2 4] [--delays 0 10 100]

Every time is per item, opening and closing included; the delay is put before every answer by a proxy. How often a
healthy server was sent anything twice is counted, too: never.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import h5saver_widget as ours

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hsds"))

from faulty_proxy import Proxy
from hsds_server import PASSWORD, USER, HsdsServer

SPECTRUM = np.random.default_rng(1).normal(size=1024)
FRAME = np.random.default_rng(2).poisson(200, size=(1024, 1024)).astype(np.uint16)


def bundle(*arrays: np.ndarray) -> ours.DataToExport:
    return ours.DataToExport("grab", data=[ours.DataRaw(f"d{i}", data=[a]) for i, a in enumerate(arrays)])


def log(saver: ours.H5SaverLowLevel, count: int) -> None:
    timed, group = ours.DataToExportTimedSaver(saver), saver.add_det_group("/RawData", "det")
    for number in range(count):
        timed.add_data(group, bundle(*(np.array([float(number)]) for _ in range(4))))


def scan(saver: ours.H5SaverLowLevel, count: int) -> None:
    extended, group = ours.DataToExportExtendedSaver(saver, (count,)), saver.add_det_group("/RawData", "det")
    for number in range(count):
        extended.add_data(group, bundle(np.array([1.0]), SPECTRUM), indexes=(number,))


def camera(saver: ours.H5SaverLowLevel, count: int) -> None:
    timed, group = ours.DataToExportTimedSaver(saver), saver.add_det_group("/RawData", "det")
    for _ in range(count):
        timed.add_data(group, bundle(FRAME))


def timed(backend: str, path: Path, job: Callable[[ours.H5SaverLowLevel, int], None], count: int) -> tuple[float, int]:
    """Return ms per item, and how often something was sent again."""
    begin = time.perf_counter()
    with ours.H5SaverLowLevel("detector", backend) as saver:
        saver.init_file(path)
        job(saver, count)
        replays = saver.io.queue.activity().replays
    return (time.perf_counter() - begin) / count * 1e3, replays


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delays", type=float, nargs="*", default=[0, 10, 100], help="milliseconds")
    parser.add_argument("--nodes", type=int, nargs="*", default=[1, 2, 4], help="data nodes")
    arguments = parser.parse_args()
    delays = arguments.delays
    os.environ.update(HS_USERNAME=USER, HS_PASSWORD=PASSWORD)
    print("| data nodes | job | h5py, local ms |" + "".join(f" server + {d:g} ms |" for d in delays) + " sent again |")
    print("|---:|---|---:|" + "---:|" * (len(delays) + 1))
    for nodes in arguments.nodes:
        with tempfile.TemporaryDirectory(prefix="bench-hsds-") as name:
            folder = Path(name)
            server = HsdsServer(folder, data_nodes=nodes)
            try:
                server.start()
                server.make_folder(f"/home/{USER}")
                proxy = Proxy(server.sn_port)
                os.environ["HS_ENDPOINT"] = proxy.endpoint
                for job, count in ((log, 2000), (scan, 500), (camera, 20)):
                    cells, again = [timed("h5py", folder / f"{job.__name__}.h5", job, count)[0]], 0
                    for delay in delays:
                        proxy.delay = delay / 1e3
                        path = Path(f"/home/{USER}/{job.__name__}{delay:g}.h5")
                        took, replays = timed("h5pyd", path, job, count)
                        cells.append(took)
                        again += replays
                        proxy.delay = 0
                    row = "".join(f" {cell:.2f} |" for cell in cells)
                    print(f"| {nodes} | {job.__name__} ({count}) |{row} {again} |", flush=True)
                proxy.close()
            finally:
                server.stop()


if __name__ == "__main__":
    main()
