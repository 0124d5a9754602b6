"""Recording to a server on loopback beside a local file, and how it grows with the delay of the network.

    python benchmarks/bench_hsds.py [--delays 0 10 100]

Every time is per item, opening and closing included; the delay is put before every answer by a proxy.
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


def timed(backend: str, path: Path, job: Callable[[ours.H5SaverLowLevel, int], None], count: int) -> float:
    begin = time.perf_counter()
    with ours.H5SaverLowLevel("detector", backend) as saver:
        saver.init_file(path)
        job(saver, count)
    return (time.perf_counter() - begin) / count * 1e3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delays", type=float, nargs="*", default=[0, 10, 100], help="milliseconds")
    delays = parser.parse_args().delays
    with tempfile.TemporaryDirectory(prefix="bench-hsds-") as name:
        folder = Path(name)
        server = HsdsServer(folder)
        try:
            server.start()
            server.make_folder(f"/home/{USER}")
            proxy = Proxy(server.sn_port)
            os.environ.update(HS_ENDPOINT=proxy.endpoint, HS_USERNAME=USER, HS_PASSWORD=PASSWORD)
            print("| job | h5py, local ms |" + "".join(f" server + {d:g} ms |" for d in delays))
            print("|---|---:|" + "---:|" * len(delays))
            for job, count in ((log, 2000), (scan, 500), (camera, 20)):
                cells = [timed("h5py", folder / f"{job.__name__}.h5", job, count)]
                for delay in delays:
                    proxy.delay = delay / 1e3
                    cells.append(timed("h5pyd", Path(f"/home/{USER}/{job.__name__}{delay:g}.h5"), job, count))
                    proxy.delay = 0
                print(f"| {job.__name__} ({count}) |" + "".join(f" {cell:.2f} |" for cell in cells), flush=True)
            proxy.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
