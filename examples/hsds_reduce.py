"""Reduce a data set on an HSDS server that no process here has the memory for, with a cluster of local processes.

    HS_ENDPOINT=http://server:5101 HS_USERNAME=me HS_PASSWORD=... python examples/hsds_reduce.py

Frames are recorded to the server. Then each worker may take only so much memory, and less than the frames need: one
that loads all of them fails, while dask reads chunk by chunk, each worker from the server itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from h5saver_widget import (
    DataLoader,
    DataRaw,
    DataToExport,
    DataToExportTimedSaver,
    H5SaverLowLevel,
    RemoteOptions,
)

WHERE = "/RawData/Detector000/Data2D/CH00/EnlData00"


def record(domain: Path, frames: int, shape: tuple[int, int]) -> None:
    """Record frames to the server; frame n is n everywhere but for its noise."""
    noise = np.random.default_rng(1).normal(scale=0.1, size=shape).astype("f4")
    with H5SaverLowLevel("detector", backend="h5pyd") as h5saver:
        h5saver.init_file(domain, new_file=True)
        saver, group = DataToExportTimedSaver(h5saver), h5saver.add_det_group("/RawData", "camera")
        for number in range(frames):
            saver.add_data(group, DataToExport("grab", data=[DataRaw("frame", data=[noise + number])]))


def limit_memory(megabytes: int) -> bool:
    """Let this process take only so many megabytes more than it has; False where the system can't do that."""
    if not sys.platform.startswith("linux"):
        return False
    import resource

    with open("/proc/self/status", encoding="ascii") as status:
        now = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (now + megabytes * 1_000_000, resource.RLIM_INFINITY))
    return True


def whole_size(values) -> int:
    """Load everything at once: what a worker has no memory for."""
    return np.asarray(values).nbytes


def main() -> None:
    """Record, then reduce."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?", help="not used: nothing is written to the disk")
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--side", type=int, default=1024, help="pixels of a frame along each side")
    parser.add_argument("--memory", type=int, default=600, help="megabytes that each worker may take")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()

    from distributed import Client, LocalCluster

    domain = Path(RemoteOptions().home) / "reduce.h5"
    record(domain, options.frames, (options.side, options.side))
    with (
        LocalCluster(
            n_workers=options.workers, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
        DataLoader(domain, backend="h5pyd") as loader,
    ):
        data = loader.load_data(WHERE, lazy=True)
        frames = next(iter(data.to_xarray().data_vars.values()))
        # before workers are limited, they load their libraries and open the file
        frames[: 4 * options.workers].mean().compute()
        limited = all(client.run(limit_memory, options.memory).values())
        size = frames.nbytes / 1e6
        print(f"{size:.0f} MB on the server in chunks of {frames.data.chunksize}; {options.memory} MB for each worker")
        time, *pixels = frames.dims
        trace = frames.mean(dim=pixels).compute()
        brightest = frames.max(dim=time).compute()
        first, last = trace.values[[0, -1]]
        print(f"{len(trace)} means from {first:.2f} to {last:.2f}; a picture of the brightest, {brightest.shape}")
        assert np.allclose(trace.values, np.arange(options.frames), atol=0.01)
        assert abs(float(brightest.mean()) - (options.frames - 1)) < 0.1
        if limited:
            try:
                client.submit(whole_size, data.data[0], pure=False).result()
            except MemoryError:
                print("loading all of it in one worker: no memory, as it should be")
            else:
                raise SystemExit("the whole fitted into one worker: choose more frames or less memory")


if __name__ == "__main__":
    main()
