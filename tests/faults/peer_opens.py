"""Whether the peer runs the code of a crafted file: each is opened in a process, and a flag tells.

Run by ``full.py peer-hostile`` with a home of its own: what it opens is harmless (it makes an empty file).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hostile import FLAG, MAKERS, prepared

NAMES = ("code_in_attributes", "code_in_the_log", "pickles_of_pytables")

OPENER = """
import sys
from pathlib import Path
from pymodaq_data.h5modules.data_saving import DataLoader
from pymodaq_data.h5modules.saving import H5SaverLowLevel
saver = H5SaverLowLevel(backend=sys.argv[2])
saver.open_file(Path(sys.argv[1]), "r")
for node in saver.walk_nodes("/"):
    try:
        node.attrs.attrs_name and [node.attrs[name] for name in node.attrs.attrs_name]
        if node.name == "Logger":
            node.read()
    except Exception:
        pass
"""


def opened(folder: Path, environment: dict[str, str]) -> dict[str, list[str]]:
    """Return, for each library, the files whose code the peer has run while it walked through them."""
    ran: dict[str, list[str]] = {"h5py": [], "tables": []}
    for library, names in ran.items():
        for name in NAMES:
            outside, path = folder / library / name / "outside", folder / library / name / "a.h5"
            prepared(outside)
            MAKERS[name](path, outside)
            command = [sys.executable, "-c", OPENER, str(path), library]
            subprocess.run(command, env=environment, capture_output=True, timeout=120)
            if (outside / FLAG).exists():
                names.append(name)
    return ran
