"""The Python lines that load the shown data, ready to be pasted into a script."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["lines_to_load"]

#: Arrays larger than this are loaded lazily, in bytes.
LAZY_BYTES: Final = 500_000_000


def lines_to_load(file: Path, path: str, *, is_group: bool, is_data: bool, all_channels: bool, size: int = 0) -> str:
    r"""Return a script that loads a node: all data of a group, an array of numbers, or any other array.

    With `all_channels`, it takes the whole data object that the array belongs to; by the size in bytes, lazily.

    >>> print(lines_to_load(Path('a.h5'), '/RawData/Data00', is_group=False, is_data=True, all_channels=False))
    from h5saver_widget import DataLoader
    <BLANKLINE>
    with DataLoader('a.h5') as loader:
        data = loader.load_data('/RawData/Data00')
        print(data)
    <BLANKLINE>
    """
    options = ", load_all=True" if all_channels else ""
    note = ""
    if size > LAZY_BYTES:
        options += ", lazy=True"
        note = "        # left on disk: take slices while the file is open, data.inav[0] or data[0][0]\n"
    if is_group or is_data:
        call = f"load_all({path!r})" if is_group else f"load_data({path!r}{options})"
        return (
            "from h5saver_widget import DataLoader\n\n"
            f"with DataLoader({str(file)!r}) as loader:\n{note.replace('        ', '    ')}"
            f"    data = loader.{call}\n"
            "    print(data)\n"
        )
    return (
        "from h5saver_widget import H5Backend\n\n"
        "with H5Backend() as h5:\n"
        f"    h5.open_file({str(file)!r})\n"
        f"    node = h5.get_node({path!r})\n"
        "    values = node.read()\n"
        "    print(node.attrs, values)\n"
    )
