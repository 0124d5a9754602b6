"""Runs inside a child process, with the peer (peer_server.py): it reads files of the demo.

The peer's loader loads every data node of the files, its browser opens them; arrays go into an npz file, the rest into
the report.
"""

import numpy as np
from peer_reader import browse, open_with
from pymodaq_data.h5modules import data_saving


def run(backend, files, npz):
    found, arrays = {}, {}
    for file in files:
        loader = data_saving.DataLoader(open_with(file, backend))
        nodes = {}
        for node in loader.walk_nodes("/"):
            names = node.attrs.attrs_name
            if "data_type" in names and node.attrs["data_type"] in ("data", "data_enlargeable", "bkg"):
                dwa = loader.load_data(node.path)
                key = f"{file}:{node.path}"
                arrays[key] = np.asarray(dwa.data[0])
                axes = {}
                for number, axis in enumerate(dwa.axes):
                    if axis.label:  # the peer gives dimensions without an axis one without label
                        arrays[f"{key}:{number}"] = np.asarray(axis.get_data())
                        axes[number] = [axis.label, str(axis.units), axis.index]
                nodes[node.path] = {
                    "name": dwa.name,
                    "labels": list(dwa.labels),
                    "units": str(dwa.units),
                    "origin": dwa.origin,
                    "axes": axes,
                }
        loader.close_file()
        found[file] = nodes
    np.savez(npz, **arrays)
    return {"nodes": found, "browsed": browse(files, backend)}
