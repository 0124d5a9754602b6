"""Every call that the installed PyMoDAQ writes down, anywhere: its sources are read, each must find an answer.

Windows that the other tests start show what comes of a call; this one sees to it that none was overlooked.
"""

import ast
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import h5saver_widget as ours
from h5saver_widget.integrations.pymodaq.files import HostBrowserUtil
from h5saver_widget.integrations.pymodaq.loaders import HostDataLoader
from h5saver_widget.qt.h5saver import H5Saver


class Host(H5Saver):
    """A saver as PyMoDAQ's modules get it."""


#: Home modules of what is replaced: what they call of each other is their own business ...
REPLACED = re.compile(r"h5modules/(module_saving|browsing)|h5modules/backends|pymodaq_gui/h5modules/saving|/tests?/")
#: ... but with the file saver alone replaced, PyMoDAQ's data savers and module savers work on ours.
ON_OURS = re.compile(r"pymodaq_data/h5modules/data_saving|utils/h5modules/module_saving")

#: What the object before a dot is called -> our class.
RECEIVERS = {
    r"_?h5saver(_image|_continuous)?|h5temp": Host,
    r"data_?loader|_data_?loader": HostDataLoader,
    r"h5utils|h5module|_h5utils": HostBrowserUtil,
}
#: A module's own saver, by the file that uses it.
MODULE_SAVERS = {
    "scan/": ours.ScanSaver,
    "daq_logger/": ours.LoggerSaver,
    "sequencer/": ours.LoggerSaver,
    "ramping/": ours.LoggerSaver,
    "optimizers_base/": ours.OptimizerSaver,
    "app_worker": ours.ScanSaver,
    "daq_viewer": ours.DetectorTimeSaver,
    "daq_move": ours.ActuatorTimeSaver,
}
#: What an object has and its class has not.
OF_OBJECTS = {(Host, "settings"), (Host, "h5_file_name"), (Host, "h5_file_path")}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in ("pymodaq", "pymodaq_gui", "pymodaq_data", "pymodaq_plugins_mock", "pymodaq_scripting"):
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.submodule_search_locations
        for folder in spec.submodule_search_locations:
            for path in sorted(Path(folder).rglob("*.py")):
                name = path.as_posix().partition("site-packages/")[2]
                text = path.read_text(encoding="utf-8")
                if "h5" in text and (ON_OURS.search(name) or not REPLACED.search(name)):
                    yield name, ast.parse(text)


def class_of(node: ast.expr, path: str) -> type | None:
    """Return our class if what stands before the dot is called as hosts call one of its objects."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    for pattern, cls in RECEIVERS.items():
        if re.fullmatch(pattern, name):
            return cls
    if name in ("module_and_data_saver", "_module_and_data_saver", "saver"):
        return next((cls for part, cls in MODULE_SAVERS.items() if part in path), None)
    return None


def uses() -> dict[tuple[type, str], list[tuple[str, ast.Call | None]]]:
    """Return what is used of our classes: class and name -> where, and the call if it is one."""
    found: dict[tuple[type, str], list[tuple[str, ast.Call | None]]] = {}
    for path, tree in sources():
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr != "setter" and (cls := class_of(node.value, path)):
                where = f"{path}:{node.lineno}"
                found.setdefault((cls, node.attr), []).append((where, calls.get(id(node))))
    return found


USES = uses()


@pytest.mark.parametrize(("cls", "name"), USES, ids=lambda value: getattr(value, "__name__", value))
def test_what_pymodaq_uses_is_there(cls, name):
    places = USES[cls, name]
    assert hasattr(cls, name) or (cls, name) in OF_OBJECTS, f"{cls.__name__}.{name} is used in {places[0][0]}"
    member = getattr(cls, name, None)
    for where, call in places:
        if call is None or not inspect.isroutine(member):
            continue
        if any(isinstance(arg, ast.Starred) for arg in call.args) or any(word.arg is None for word in call.keywords):
            continue
        bound = isinstance(inspect.getattr_static(cls, name), (staticmethod, classmethod))
        words = {str(word.arg): None for word in call.keywords}
        try:
            inspect.signature(member).bind(*([] if bound else [None]), *call.args, **words)
        except TypeError as error:
            raise AssertionError(f"{ast.unparse(call)} in {where}: {error}") from None


def test_callers_were_found():
    assert len(USES) > 60 and {name for _, name in USES} >= {"init_file", "add_nav_axes", "walk_nodes", "add_array"}
