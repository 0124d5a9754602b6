"""In one program with PyMoDAQ, which replaces most of pyqtgraph's parameter types by its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("pymodaq_gui", reason="the peer is not installed")

# In a process of its own: the registry of parameter types is shared by all tests of this one.
PROGRAM = """
import sys
from pathlib import Path
from pymodaq_gui.parameter import Parameter, ParameterTree
from pymodaq_gui.parameter.ioxml import parameter_to_xml_string, XML_string_to_parameter
from pymodaq_gui.utils.widgets.table import SpinBoxDelegate  # whatever else it registers
from pyqtgraph.Qt import QtWidgets
from h5saver_widget.qt.h5saver import H5Saver

app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
saver = H5Saver('detector')
saver.settings['base_path'] = sys.argv[1]
view = saver.settings_tree
view.show()
saver.tree.row_of('do_save').widget.click()
assert saver.isopen() and saver.tree.row_of('do_save').widget.isChecked()
saver.tree.row_of('data_format', 'dynamic').widget.setCurrentText('int16')
assert saver.settings['data_format', 'dynamic'] == 'int16'

theirs = ParameterTree()
theirs.addParameters(saver.settings)
theirs.show()
app.processEvents()
saver.settings['do_save'] = False
assert not saver.isopen()

again = Parameter.create(name='again', type='group')
again.restoreState(saver.settings.saveState())
assert again['data_format', 'dynamic'] == 'int16'
back = XML_string_to_parameter(parameter_to_xml_string(saver.settings))
children = {child['name']: child for child in back}
assert children['base_path']['value'] == sys.argv[1], children['base_path']
module = Parameter.create(name='module', type='group', children=H5Saver.get_params_for_save_type('actuator'))
assert module['save_type'] == 'actuator'
print('fine')
"""


def test_side_by_side(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "Data")],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("fine")
