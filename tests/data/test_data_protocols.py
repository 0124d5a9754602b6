"""What a saver reads is there on our objects and on the peer's, which is never imported by the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from h5saver_widget.data import Axis, AxisLike, DataLike, DataRaw, DataToExport, DataToExportLike, NamedMember

ROOT = Path(__file__).parents[2]

PEER = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
from pymodaq_data.data import Axis, DataRaw, DataToExport
from h5saver_widget.data import AxisLike, DataDim, DataDistribution, DataLike, DataSource, DataToExportLike, NamedMember

linear = Axis("x", "nm", data=np.array([1.0, 1.5, 2.0]), index=1)
curved = Axis("t", "s", data=np.array([0.0, 5.0]), index=0, spread_order=1)
other = Axis("u", "s", data=np.array([1.0, 9.0]), index=0, spread_order=0)
frame = np.arange(6.0).reshape(2, 3)
dwa = DataRaw("d", distribution="spread", data=[frame, frame], labels=["a", "b"], origin="Det", units="V",
              axes=[linear, curved, other], nav_indexes=(0,), errors=[frame, frame], gain=3)
point = DataRaw("p", data=[np.array([1.0])])
dte = DataToExport("grab", data=[dwa, point])

for axis in (linear, curved):
    assert isinstance(axis, AxisLike)
    assert axis.size == len(axis.get_data())
assert (linear.label, linear.units, linear.index, linear.offset, linear.scaling) == ("x", "nm", 1, 1.0, 0.5)
assert (curved.index, curved.spread_order) == (0, 1)
for data in (dwa, point):
    assert isinstance(data, DataLike)
    for member, ours in ((data.dim, DataDim), (data.source, DataSource), (data.distribution, DataDistribution)):
        assert isinstance(member, NamedMember)
        assert ours.of(member).name == ours(member).name == member.name
assert (dwa.name, dwa.origin, dwa.units, list(dwa.labels)) == ("d", "Det", "V", ["a", "b"])
assert (dwa.dim.name, dwa.source.name, dwa.distribution.name) == ("DataND", "raw", "spread")
assert (tuple(dwa.nav_indexes), dwa.shape, len(dwa.data), len(dwa), len(list(dwa))) == ((0,), (2, 3), 2, 2, 2)
assert sorted(axis.label for axis in dwa.axes) == ["t", "u", "x"]
assert len(dwa.errors) == 2 and point.errors is None
assert dwa.extra_attributes == ["gain"] and dwa.gain == 3
assert isinstance(dwa.timestamp, float)
assert isinstance(dte, DataToExportLike)
assert (dte.name, len(dte), len(dte.data), [data.name for data in dte]) == ("grab", 2, 2, ["d", "p"])
assert isinstance(dte.timestamp, float)
print("the peer fits")
"""

PEER_SAVES_OURS = """
import warnings
warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np
import pymodaq_data.data as peer
from pymodaq_data.h5modules.data_saving import DataLoader, DataToExportExtendedSaver, DataToExportSaver
from pymodaq_data.h5modules.saving import H5SaverLowLevel
from h5saver_widget.data import Axis, DataRaw, DataToExport

frame = np.arange(6.0).reshape(2, 3)
axes = [Axis("x", "nm", np.array([1, 2, 3]), 1), Axis("y", "mm", np.array([1.0, 2.5]), 0)]
dwa = DataRaw("d", data=[frame], origin="Det", units="V", axes=axes, errors=[frame / 2], gain=3)
dte = DataToExport("grab", [dwa, DataRaw("p", data=3.0)])
for number, (saver, keys) in enumerate([
    (DataToExportSaver, {}),
    (lambda h5saver: DataToExportExtendedSaver(h5saver, extended_shape=(4,)), {"indexes": [1]}),
]):
    h5saver = H5SaverLowLevel()
    h5saver.init_file(Path(f"ours{number}.h5").absolute(), new_file=True)
    saver(h5saver).add_data(h5saver.add_det_group("/RawData", "Det"), dte.deepcopy(), **keys)
    loaded = peer.DataToExport("loaded")
    DataLoader(h5saver).load_all("/RawData", loaded)
    found = loaded.get_data_from_name("d")
    np.testing.assert_array_equal(found.data[0][1] if number else found.data[0], frame)
    assert sorted(axis.label for axis in found.axes if axis.label) == ["x", "y"]
    assert loaded.get_data_from_name("p").data[0].flat[number] == 3.0
    h5saver.close_file()
print("the peer saves ours")
"""


def test_our_objects_fit() -> None:
    dwa = DataRaw("a", data=[np.zeros(3)])
    assert isinstance(Axis(), AxisLike)
    assert isinstance(dwa, DataLike)
    assert isinstance(dwa.dim, NamedMember)
    assert isinstance(DataToExport("d", [dwa]), DataToExportLike)
    assert not isinstance(np.zeros(3), DataLike)


@pytest.mark.parametrize(("code", "message"), [(PEER, "the peer fits"), (PEER_SAVES_OURS, "the peer saves ours")])
def test_we_and_the_peer_take_each_other_s_objects(code: str, message: str, tmp_path: Path) -> None:
    # A process with a home of its own: importing the peer writes configuration and log files.
    environment = os.environ | {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert message in done.stdout


def test_the_data_model_needs_numpy_alone(tmp_path: Path) -> None:
    code = (
        "import sys, h5saver_widget.data\n"
        "heavy = {'h5py', 'tables', 'PyQt5', 'pyqtgraph', 'pymodaq_data', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
