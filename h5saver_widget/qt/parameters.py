"""The settings of a saver as plain parameter descriptions: names, order and defaults, no widget.

Programs and files know these parameters by their paths (``backend/swmr_options/enable_swmr``), so paths and order are
those of PyMoDAQ 5.3.8; how they are grouped on screen is decided in :mod:`h5saver_widget.qt.settings_view`. Only
standard pyqtgraph types are used, because a host rebuilds the tree from ``settings.saveState()`` and may show it in a
tree of its own.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.registry import (
    available_backends,
    backend_capabilities,
    default_backend,
    server_backend,
)
from h5saver_widget.backends.terms import Capabilities
from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt.recording_params import recording_params
from h5saver_widget.qt.server_params import server_params

__all__ = [
    "AS_ACQUIRED",
    "DYNAMICS",
    "LIBRARY_TIP",
    "SETTINGS_NAME",
    "compression_libraries",
    "dynamic_dtype",
    "saver_params",
    "with_save_type",
]

LIBRARY_TIP: Final = "Compression library. Every program that knows HDF5 reads zlib (also called gzip)."
SETTINGS_NAME: Final = "h5saver_settings"

#: Saving dynamic that changes nothing.
AS_ACQUIRED: Final = "as acquired"
DYNAMICS: Final = (
    AS_ACQUIRED,
    *("float64", "float32", "float16"),
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


def dynamic_dtype(dynamic: str) -> np.dtype[Any] | None:
    """Return the number type that a saving dynamic stands for, None to keep each array's own.

    Examples
    --------
    >>> dynamic_dtype('uint16'), dynamic_dtype('as acquired')
    (dtype('uint16'), None)
    """
    return None if dynamic == AS_ACQUIRED else np.dtype(dynamic)


def compression_libraries(capabilities: Capabilities) -> list[str]:
    """Return the compression libraries to choose from: never empty, because a list on screen must show something."""
    return list(capabilities.compression) or ["none"]


def with_save_type(params: list[dict[str, Any]], save_type: object) -> list[dict[str, Any]]:
    """Return a deep copy of parameter descriptions whose save type is another one.

    Parameters
    ----------
    params
        As :func:`saver_params` makes them.
    save_type
        A :class:`~h5saver_widget.format.layout.SaveType`, its name, or another library's member of the same name.
    """
    copied = copy.deepcopy(params)
    for param in copied:
        if param["name"] == "save_type":
            param["value"] = SaveType.of(save_type).name
    return copied


def saver_params(save_type: SaveType = SaveType.scan, backend: str | None = None) -> list[dict[str, Any]]:
    """Return the descriptions from which pyqtgraph builds the settings of a saver.

    Parameters
    ----------
    save_type
        What the files are for.
    backend
        Backend that is chosen at first; None for the default one.

    Examples
    --------
    >>> [param['name'] for param in saver_params()][:4]
    ['save_type', 'save_2D', 'save_raw_only', 'do_save']
    """
    backend = backend or default_backend()
    return [
        {
            "title": "Save type",
            "name": "save_type",
            "type": "list",
            "limits": SaveType.names(),
            "value": save_type.name,
            "readonly": True,
            "tip": "What the files are for. It is chosen by the program and decides how files are named.",
        },
        {
            "title": "Save 2D and above",
            "name": "save_2D",
            "type": "bool",
            "value": True,
            "tip": "Also save images and anything with more dimensions. They take most of the space on the disk.",
        },
        {
            "title": "Save raw only",
            "name": "save_raw_only",
            "type": "bool",
            "value": True,
            "tip": "Save only what the instrument delivers, without what is computed from it (regions of interest).",
        },
        {
            "title": "Do Save",
            "name": "do_save",
            "type": "bool",
            "value": False,
            "tip": "On: a new file is made and saving starts. Off: the file is completed and closed.",
        },
        {
            "title": "Saved",
            "name": "N_saved",
            "type": "int",
            "value": 0,
            "readonly": True,
            "visible": False,
            "tip": "How many times data were saved into the current file.",
        },
        {
            "title": "Choose file name",
            "name": "custom_name",
            "type": "bool",
            "value": False,
            "visible": False,
            "tip": "Ask for the name of each new file instead of making it from base name, date and time.",
        },
        {
            "title": "Close after scan",
            "name": "close_after_scan",
            "type": "bool",
            "value": False,
            "tip": "Close the file at the end of each scan, so that other programs may open it.",
        },
        *_where_params(not backend_capabilities(backend).remote),
        *_action_params(),
        _backend_params(backend),
        _format_params(backend_capabilities(backend)),
        recording_params(),
    ]


def _where_params(on_disk: bool) -> list[dict[str, Any]]:
    return [
        {
            "title": "Base path",
            "name": "base_path",
            "type": "file",
            "fileMode": "Directory",
            "value": str(Path.home() / "Data"),
            "visible": on_disk,
            "tip": "Folder for all files. It is made with the first file, and has one folder per year and per day.",
        },
        {
            "title": "Base name",
            "name": "base_name",
            "type": "str",
            "value": "Data",
            "tip": "File names start with it; date and time are added. Files of scans are called Dataset.",
        },
        {
            "title": "Current scan",
            "name": "current_scan_name",
            "type": "str",
            "placeholder": "none yet",
            "value": "",
            "readonly": True,
            "tip": "The scan that is saved now, or comes next: several scans go into one file and are numbered.",
        },
        {
            "title": "Folder",
            "name": "current_scan_path",
            "type": "text",
            "value": "",
            "readonly": True,
            "visible": False,
            "tip": "Folder of the current file.",
        },
        {
            "title": "File",
            "name": "current_h5_file",
            "type": "file",
            "placeholder": "none yet",
            "fileMode": "ExistingFile",
            "nameFilter": "HDF5 files (*.h5 *.hdf5 *.nxs);;All files (*)",
            "value": "",
            "tip": "The file that is written, or was written last.",
        },
    ]


def _action_params() -> list[dict[str, Any]]:
    return [
        {
            "title": "Show file content",
            "name": "show_file",
            "type": "action",
            "tip": "Look into the current file, also while it is being written.",
        },
        {
            "title": "New file",
            "name": "new_file",
            "type": "action",
            "tip": "Close the current file and go on in a new one. The current one is kept.",
        },
        {
            "title": "Browse file...",
            "name": "browse",
            "type": "action",
            "tip": "Choose an existing file and add to it. Nothing in it is overwritten.",
        },
    ]


def _backend_params(backend: str) -> dict[str, Any]:
    return {
        "title": "Backend",
        "name": "backend",
        "type": "group",
        "tip": "The library that writes the files.",
        "children": [
            {
                "title": "Backend type",
                "name": "backend_type",
                "type": "list",
                "limits": available_backends(),
                "value": backend,
                "tip": "Writes the files. Changing it closes the current file. Each reads the other's files.",
            },
            {
                "title": "Write in an own process",
                "name": "isolated",
                "type": "bool",
                "value": True,
                "tip": "The file then survives a crash of this program, and the window never waits for the disk. "
                "Applies to the next file that is opened.",
            },
            {
                "title": "Mirror on a server",
                "name": "mirror",
                "type": "bool",
                "value": False,
                "visible": server_backend() is not None and not backend_capabilities(backend).remote,
                "tip": "Also copy every file to an HSDS server while it is written. The file on the disk comes first: "
                "it does not wait for the server, and what is missing there is sent when the server is back.",
            },
            {
                "title": "Survive loss of power",
                "name": "power_safe",
                "type": "bool",
                "value": False,
                "visible": backend_capabilities(backend).journal,
                "tip": "The file is then forced onto the disk in an order that survives a loss of power at any moment: "
                "each flush takes some milliseconds longer. Not together with SWMR. Applies to the next file.",
            },
            server_params(backend_capabilities(backend).remote),
            {
                "title": "SWMR options",
                "name": "swmr_options",
                "type": "group",
                "visible": backend_capabilities(backend).swmr,
                "tip": "Single writer, multiple readers: other programs may read the file while it is written.",
                "children": [
                    {
                        "title": "Enable SWMR",
                        "name": "enable_swmr",
                        "type": "bool",
                        "value": False,
                        "tip": "Make new files readable by other programs while they are written (single writer, "
                        "multiple readers).",
                    },
                    {
                        "title": "Flush interval",
                        "name": "flush_interval",
                        "type": "int",
                        "value": 1,
                        "limits": [0, 1_000_000],
                        "suffix": "steps",
                        "tip": "After how many scan steps readers see the new data. 0: only at the end.",
                    },
                ],
            },
        ],
    }


def _format_params(capabilities: Capabilities) -> dict[str, Any]:
    libraries = compression_libraries(capabilities)
    return {
        "title": "Data format",
        "name": "data_format",
        "type": "group",
        "tip": "How numbers are stored.",
        "children": [
            {
                "title": "Fill value",
                "name": "fill_value",
                "type": "list",
                # numpy's object and no other NaN: PyMoDAQ, which may write these settings, looks for this one
                "limits": {"0": 0.0, "nan": np.nan},
                "value": np.nan,
                "tip": "Stands where a scan has not been yet. Whole numbers can't be nan: they get 0.",
            },
            {
                "title": "Saving dynamic",
                "name": "dynamic",
                "type": "list",
                "limits": list(DYNAMICS),
                "value": AS_ACQUIRED,
                "tip": "Number type in the file. 'as acquired' keeps the type of the data. Values that don't fit the "
                "chosen type are refused with an error, never changed.",
            },
            {
                "title": "For NeXus readers too",
                "name": "nexus",
                "type": "bool",
                "value": True,
                "tip": "Add the few attributes by which programs that know NeXus find and plot the data.",
            },
            {
                "title": "Compression",
                "name": "compression_options",
                "type": "group",
                "tip": "Makes files smaller; the data stay exactly the same.",
                "children": [
                    {
                        "title": "Library",
                        "name": "h5comp_library",
                        "type": "list",
                        "limits": libraries,
                        "value": "zlib" if "zlib" in libraries else libraries[0],
                        "tip": LIBRARY_TIP,
                    },
                    {
                        "title": "Level",
                        "name": "h5comp_level",
                        "type": "int",
                        "value": 0,
                        "limits": [0, 9],
                        "tip": "0: no compression, the fastest. 9: the smallest files, the slowest.",
                    },
                ],
            },
        ],
    }
