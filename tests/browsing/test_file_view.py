"""What a window asks of a file, and what a script does: on both backends, and nothing is ever changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from browsing_files import CURVES, FRAME, PNG, SETTINGS, SPECTRA, write_file

from h5saver_widget import DataLoader, FileOpenError, H5BrowserUtil, H5SaverLowLevel, NodeError
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing import FileView, NodeIcon, shown_value
from h5saver_widget.browsing.opening import Readers, open_to_look, why_not
from h5saver_widget.browsing.script_lines import lines_to_load
from h5saver_widget.browsing.text import tree_lines
from h5saver_widget.cli import main


def run(*lines: str) -> str:
    """Run a program that has nothing to do with this one."""
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True).stdout


def test_children_rows_and_their_looks(view):
    assert [name for name, _ in view.children("/RawData")] == ["Detector000", "Logger", "Scan000", "Scan001"]
    assert dict(view.children("/RawData"))["Logger"] is NodeKind.TEXT
    paths = ["/RawData", "/RawData/Scan000", "/RawData/Detector000", "/RawData/Logger", CURVES, SPECTRA, FRAME]
    rows = view.rows([*paths, f"{CURVES}/Axis00", f"{CURVES}/Data00", "/nothing"])
    looks = [rows[path].icon for path in paths]
    assert looks == [
        NodeIcon.GROUP,
        NodeIcon.SCAN,
        NodeIcon.DETECTOR,
        NodeIcon.TEXT,
        NodeIcon.GROUP,
        NodeIcon.STACK,
        NodeIcon.IMAGE,
    ]
    assert rows[f"{CURVES}/Axis00"].icon is NodeIcon.AXIS and rows[f"{CURVES}/Data00"].icon is NodeIcon.CURVE
    spectra = rows[SPECTRA]
    assert (spectra.title, spectra.content, spectra.kind) == ("spectrum", "5 × 4 × 11", "float64")
    assert rows["/RawData/Logger"].content == "3 lines"
    assert rows["/nothing"].icon is NodeIcon.UNREADABLE and "nothing" in rows["/nothing"].problem
    with pytest.raises(NodeError):
        view.children(SPECTRA)


def test_a_report_holds_all_that_is_shown(view):
    raw = view.describe("/RawData")
    shown = {name: (short, long) for name, short, long in raw.attributes}
    assert shown["sample"][0] == "SiO₂" and shown["gains"][0] == "100 values of float64"
    assert shown["long"][0].endswith("… (100,000 characters)") and len(shown["long"][0]) < 400
    scan = view.describe("/RawData/Scan000")
    assert [found.name for found in scan.settings] == ["scan_settings", "settings"]
    assert [entry["name"] for entry in scan.settings[1].tree] == ["main", "ROI_00"]
    assert scan.pictures == (("pixmap2D", PNG),)
    assert "settings" not in [name for name, _, _ in scan.attributes]
    assert view.describe("/RawData/Logger").lines == ("point 0 saved", "point 1 saved", "point 2 saved")
    array = view.describe(SPECTRA)
    assert (array.data_path, array.all_channels) == (SPECTRA, False)
    assert ("Shape", "5 × 4 × 11") in array.facts
    channels = view.describe(CURVES)
    assert (channels.data_path, channels.all_channels) == (f"{CURVES}/Data00", True)


def test_search_finds_names_and_titles(view):
    def found(text: str) -> set[str]:
        return {path for part in view.search(text) for path, _ in part}

    assert found("bkg") == {f"{CURVES}/Bkg00", f"{CURVES}/Bkg01"}
    assert found("SPECTRO") == {"/RawData/Scan000/Detector000"}
    assert SPECTRA in found("spectrum")
    assert found("no such thing") == set()
    assert sum(len(part) for part in view.search("0", most=3)) == 3


def test_expand_lists_every_group_once(view):
    groups = view.expand("/")
    assert groups["/"] == [("RawData", NodeKind.GROUP)] and CURVES in groups
    assert sum(map(len, groups.values())) == len(list(view.h5.walk_nodes("/"))) - 1


def test_a_group_that_holds_itself_is_walked_once(tmp_path, backend):
    path = tmp_path / "round.h5"
    with h5py.File(path, "w") as file:
        file.create_group("a/b")
        file["a/b/again"] = file["a"]
        file["soft"] = h5py.SoftLink("/nowhere")
    with FileView(path, backend) as view:
        assert len(view.expand("/")) < 205
        assert next(path for part in view.search("again") for path, _ in part) == "/a/b/again"
        assert view.rows(["/soft"])["/soft"].icon is NodeIcon.LINK
        assert "soft" in "\n".join(tree_lines(view))


def test_looking_changes_nothing(written, backend):
    before, stamp = written.read_bytes(), written.stat().st_mtime_ns
    with FileView(written, backend) as view:
        for paths in view.expand("/").items():
            for name, _ in paths[1]:
                path = f"{paths[0].rstrip('/')}/{name}"
                report = view.describe(path)
                view.may_comment(path)
                if report.data_path:
                    view.data(report.data_path, True, True).curves(0, {})
        list(view.search("data"))
        view.open()
    assert (written.read_bytes(), written.stat().st_mtime_ns) == (before, stamp)


# ------------------------------------------------------------------------------------------------------------ comments
def test_a_comment_is_the_one_thing_that_is_written(tmp_path, backend):
    path = write_file(tmp_path / "a.h5", backend)
    with FileView(path, backend) as view:
        assert view.may_comment(CURVES) == ""
        view.set_comment(CURVES, "the shutter was stuck")
        assert view.describe(CURVES).comments == "the shutter was stuck"
        view.set_comment(CURVES, "")
        assert "comments" not in [name for name, _, _ in view.describe(CURVES).attributes]
        with pytest.raises(FileOpenError, match="no node"):
            view.set_comment("/nothing", "x")


def test_a_comment_through_the_saver_of_the_file(saver):
    saver.create_group("/RawData", "Run")
    view = FileView(saver)
    view.set_comment("/RawData/Run", "good one")
    assert saver.get_node("/RawData/Run").attrs["comments"] == "good one"
    view.close()
    assert saver.isopen()


def test_no_comment_while_the_file_streams(tmp_path):
    with H5SaverLowLevel("scan", "h5py") as saver:
        saver.init_file(tmp_path / "stream.h5", swmr=True)
        saver.enable_swmr()
        view = FileView(saver)
        assert "streaming" in view.may_comment("/RawData")
        with pytest.raises(FileOpenError, match="streaming"):
            view.set_comment("/RawData", "x")


# ----------------------------------------------------------------------------------------------------------- following
def test_what_a_saver_has_closed_is_shown_until_the_next_file_is_wanted(tmp_path, backend):
    with H5SaverLowLevel("detector", backend, isolated=True) as saver:
        saver.init_file(tmp_path / "first.h5")
        saver.create_carray("/RawData", "Frame", np.arange(6.0))
        with FileView(saver, isolated=True) as view:
            assert view.is_live and view.data("/RawData/Frame").curves(0, {}).curves[0].values.tolist() == [*range(6)]
            saver.close_file()
            assert not view.is_live and view.path == tmp_path / "first.h5"
            assert view.data("/RawData/Frame").curves(0, {}).curves[0].values.tolist() == [*range(6)]
            saver.init_file(tmp_path / "second.h5")
            view.look_again(["/RawData"], always=True)
            assert "Frame" in dict(view.children("/RawData")) and view.note.startswith("second.h5 is being recorded")
            view.goes_on = True
            _, groups = view.look_again(["/RawData"])
            assert view.path == tmp_path / "second.h5" and "Frame" not in dict(groups["/RawData"]) and not view.note
            view.goes_on = False
            saver.close_file()
            saver.open_file(tmp_path / "second.h5", "r+")  # it goes on in the same file
            assert view.children("/RawData") and view.is_live


def test_what_is_added_by_another_program_is_seen(tmp_path, backend):
    path = write_file(tmp_path / "a.h5", backend)
    with FileView(
        path, backend, isolated=True
    ) as view:  # of a file that is open here, HDF5 would keep what it has read
        assert view.look_again(["/RawData"]) == (False, {})
        unlocked = backend != "tables"  # PyTables can't read without taking the lock: others are refused meanwhile
        run(
            "import h5py",
            f"file = h5py.File({str(path)!r}, 'r+', locking={None if unlocked else False})",
            "file['RawData'].create_group('Fresh')",
            "file.close()",
        )
        changed, groups = view.look_again(["/RawData", "/gone"])
        assert changed and "Fresh" in dict(groups["/RawData"]) and "/gone" not in groups


def test_a_file_that_is_written_under_swmr_is_followed(tmp_path):
    path = tmp_path / "stream.h5"
    with H5SaverLowLevel("scan", "h5py") as saver:
        saver.init_file(path, swmr=True)
        array = saver.create_earray("/RawData", "Rows", np.float64, (2,))
        saver.enable_swmr()
        array.append(np.zeros(2))
        saver.flush()
        code = (
            "import sys\nfrom h5saver_widget.browsing import FileView\n"
            "view = FileView(sys.argv[1]); view.open(); print(view.size_of('/RawData/Rows'), flush=True)\n"
            "input(); view.look_again(['/RawData'], '/RawData/Rows'); print(view.size_of('/RawData/Rows'))\n"
            "view.close()"
        )
        reader = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reader.stdout.readline() == "(1, 2)\n"
        array.append(np.ones(2))
        saver.flush()
        out, _ = reader.communicate("\n", timeout=60)
        assert (out, reader.returncode) == ("(2, 2)\n", 0)


# ------------------------------------------------------------------------------------------------------------- opening
def test_a_file_that_one_library_refuses_is_opened_by_another(tmp_path, monkeypatch, written):
    from h5saver_widget.backends.tables_backend import TablesBackend

    def refuse(*args, **options):
        raise FileOpenError("this library does not like it")

    monkeypatch.setattr(TablesBackend, "_open", refuse)
    opened = open_to_look(written, "tables")
    assert (opened.h5.backend, opened.note) == ("h5py", "Read with h5py.")
    opened.h5.close_file()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"no HDF5 at all" * 100, "not an HDF5 file"), (None, "no such file"), ("cut", "cut off")],
)
def test_what_can_t_be_opened_says_why(tmp_path, written, backend, content, reason):
    path = tmp_path / "bad.h5"
    if content is not None:
        path.write_bytes(written.read_bytes()[:3000] if content == "cut" else content)
    with pytest.raises(OSError) as error:
        open_to_look(path, backend)
    assert reason in why_not(path, error.value)


def test_a_file_that_was_cut_off_is_not_taken_for_one_that_is_written(tmp_path, backend):
    path = tmp_path / "streamed.h5"
    with H5SaverLowLevel(backend="h5py") as h5saver:
        h5saver.init_file(path, swmr=True)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileOpenError) as error:  # as a reader of SWMR, HDF5 would open it and find torn blocks
        open_to_look(path, backend)
    assert "cut off" in why_not(path, error.value)


def test_what_a_node_holds_is_shown_though_its_attributes_are_damaged(tmp_path):
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file["counts"] = np.arange(3.0)
        file["counts"].attrs["a name to be found"] = 1
        file.attrs["another name to be found"] = 1
    content = bytearray(path.read_bytes())
    for name in (b"a name to be found", b"another name to be found"):
        content[content.index(name + b"\0") - 8] = 0x77  # the version, in the first byte of an attribute's message
    path.write_bytes(content)
    with FileView(path, "h5py") as view:
        root, counts = view.describe("/"), view.describe("/counts")
        assert "damaged" in dict(root.facts)["Attributes"] and dict(root.facts)["Holds"] == "1 node"
        assert "damaged" in dict(counts.facts)["Attributes"] and counts.data_path == "/counts"
        assert [name for name, _ in view.children("/")] == ["counts"]
        assert view.h5.get_node("/counts")[...].tolist() == [0, 1, 2]
    with pytest.raises(FileOpenError, match=r"damaged.*end the program.*h5saver repair"):
        H5SaverLowLevel(backend="tables").open_file(path)  # a process in which PyTables opens it crashes
    with FileView(path, "tables") as view:
        assert view.backend == "h5py" and view.describe("/counts").data_path == "/counts"


# ------------------------------------------------------------------------------------------------ scripts and commands
def test_a_script_looks_into_a_file(written, backend, tmp_path):
    with H5BrowserUtil(backend=backend) as browser:
        browser.open_file(written, "r", locking=False)
        [first, second] = browser.scans()
        assert (first.group.name, first.pixmaps) == ("Scan000", {"pixmap2D": PNG}) and not second.pixmaps
        assert browser.get_h5file_scans() == [{"scan_name": "Scan000", "path": "/RawData/Scan000", "data": PNG}]
        assert browser.get_h5_attributes("/RawData/Scan000").settings == [SETTINGS.decode()]
        assert browser.tree("/RawData", depth=1).splitlines()[1:] == [
            "├── Detector000  Camera",
            "├── Logger  (3 lines)",
            "├── Scan000  DAQScan",
            "└── Scan001  Spread",
        ]
        assert "5 × 4 × 11" in browser.info(SPECTRA)
        copy = browser.export(CURVES, tmp_path / "curves.csv")
        assert copy.path.is_file()


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (SPECTRA, {"is_group": False, "is_data": True, "all_channels": False}),
        (f"{CURVES}/Data00", {"is_group": False, "is_data": True, "all_channels": True, "size": 10**9}),
        ("/RawData/Scan000", {"is_group": True, "is_data": False, "all_channels": False}),
        ("/RawData/Logger", {"is_group": False, "is_data": False, "all_channels": False}),
    ],
)
def test_the_python_lines_run(written, path, options):
    done = subprocess.run(
        [sys.executable, "-c", lines_to_load(written, path, **options)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_python_lines_load_what_is_shown(view):
    reader = view.data(f"{CURVES}/Data00", all_channels=True)
    with DataLoader(view.path, backend="h5py") as loader:
        data = loader.load_data(f"{CURVES}/Data00", load_all=True)
    for curve, channel in zip(reader.curves(0, {}).curves, data, strict=True):
        assert curve.values.tolist() == channel.tolist()


def test_info_and_tree_on_the_command_line(written, capsys, tmp_path: Path):
    assert main(["tree", str(written), "RawData", "--depth", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "└── Scan001  Spread"
    assert main(["info", str(written), SPECTRA]) == 0
    assert "5 × 4 × 11" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "none.h5")]) == 3
    assert "no such file" in capsys.readouterr().err
    assert main(["tree", str(written), "/nothing"]) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\xff", "\ufffd"),
        (None, "None"),
        ("a\n  b", "a b"),
        (np.arange(3), "[0 1 2]"),
        ("\x1b[31mred\u202e", "\ufffd[31mred\ufffd"),
    ],
)
def test_shown_values(value, text):
    assert shown_value(value) == text


def test_how_long_a_file_is_read_is_bounded_where_it_is_local(backend):
    """How long to wait for a server is an option of its own, and that it is slow is no damage."""
    readers = Readers(isolated=True)
    assert readers.take(backend).io.reading_seconds == 30
    assert readers.take("h5pyd").io.reading_seconds is None
