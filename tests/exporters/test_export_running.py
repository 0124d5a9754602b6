"""What is around every format: the table, third parties, names, folders, stopping, memory, the command line."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from export_data import DATA

from h5saver_widget import Axis, DataRaw, DataToExport, H5Backend
from h5saver_widget.cli import main
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import ExportError, MissingLibraryError, WorkStoppedError
from h5saver_widget.exporters import (
    Exporter,
    Takes,
    available_exporters,
    create_exporter,
    export,
    format_of,
    register_exporter,
)
from h5saver_widget.exporters.registry import _registered
from h5saver_widget.progress import Progress

FORMATS = ["csv", "txt", "npy", "npz", "h5", "nexus", "netcdf", "tiff", "eln"]


class Told(Progress):
    """Remembers what was reported, and stops itself at a share."""

    def __init__(self, stop_at=2.0):
        super().__init__()
        self.shares, self.stop_at = [], stop_at

    def report(self, done=0.0, total=None, text=""):
        super().report(done, total, text)
        self.shares.append(self.step.share)
        if (self.step.share or 0) >= self.stop_at:
            self.stop()


# ------------------------------------------------------------------------------------------------------- the table
def test_every_format_is_there_and_says_what_it_is():
    known = available_exporters()
    assert [info.name for info in known] == FORMATS
    assert all(info.help and info.extensions and not info.missing for info in known)
    assert [format_of(f"a{info.extensions[0].upper()}") for info in known] == FORMATS


def test_listing_the_formats_loads_nothing_heavy():
    code = (
        "import sys; from h5saver_widget.exporters import available_exporters; available_exporters()\n"
        "print([n for n in ('PyQt5', 'h5py', 'tables', 'xarray', 'dask', 'tifffile', 'h5netcdf') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_unknown_formats_and_extensions_say_what_there_is(tmp_path):
    with pytest.raises(ExportError, match="choose one of: csv, txt"):
        create_exporter("docx")
    with pytest.raises(ExportError, match=r"\.csv, \.txt"):
        export(DATA["image"], tmp_path / "a.docx")
    with pytest.raises(ExportError, match="names no format"):
        format_of("a")


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr("h5saver_widget.exporters.registry.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"tifffile: pip install 'h5saver_widget\[export\]'"):
        create_exporter("tiff")
    assert "tifffile" in {info.name: info.missing for info in available_exporters()}["tiff"]


@pytest.fixture
def third_parties(tmp_path, monkeypatch):
    """Install packages with exporters: a good one, and four broken ones."""
    (tmp_path / "others.py").write_text(
        "from h5saver_widget.exporters import Exporter, Takes\n"
        "class Good(Exporter):\n"
        "    name, extensions, help, takes = 'good', ('.good',), 'a good one', Takes.DATA\n"
        "    def write(self, source, path, job):\n"
        "        path.write_text(source.items[0].data.name, encoding='utf-8')\n"
        "class Silent(Exporter):\n"
        "    def write(self, source, path, job): pass\n"
        "number = 3\n",
        encoding="utf-8",
    )
    (tmp_path / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    info = tmp_path / "others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[h5saver_widget.exporters]\ngood = others:Good\nsilent = others:Silent\nnumber = others:number\n"
        "gone = others:Gone\nbroken = broken:Any\ncsv = others:Good\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_third_parties_come_by_entry_points(third_parties, tmp_path):
    known = {info.name: info for info in available_exporters()}
    assert [*known][: len(FORMATS)] == FORMATS
    assert (known["good"].help, known["good"].missing) == ("a good one", "")
    assert "ZeroDivisionError" in known["broken"].missing
    assert "no subclass" in known["number"].missing
    assert "AttributeError" in known["gone"].missing
    assert "does not say its name, extensions" in known["silent"].missing
    assert export(DATA["image"], tmp_path / "a.good").path.read_text(encoding="utf-8") == "image"
    assert create_exporter("csv").help.startswith("table")  # ours can't be replaced behind the user's back
    with pytest.raises(ExportError, match="ZeroDivisionError"):
        create_exporter("broken")


def test_a_program_registers_its_own_format(tmp_path, monkeypatch):
    class Names(Exporter):
        name, extensions, help, takes = "names", (".names",), "names of the data", Takes.BUNDLE

        def write(self, source, path, job):
            path.write_text(" ".join(source.names()), encoding="utf-8")

    monkeypatch.setitem(_registered, "names", Names)
    register_exporter(Names)
    data = [DATA["image"], DATA["mask"], DATA["image"]]
    done = export(DataToExport("all", data=data), tmp_path / "a.names")
    assert done.path.read_text(encoding="utf-8") == "image mask image_2"


# ------------------------------------------------------------------------------------------------- names and files
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_overwritten_unless_told(filled, tmp_path, format):
    what = filled.get_node("/RawData/Scan000/Detector000/Data1D/CH00/Data00")
    target = tmp_path / "target"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="choose another name"):
        export(what, target, format)
    assert target.read_text(encoding="utf-8") == "mine"
    assert export(what, target, format, overwrite=True).files == [target]
    assert target.stat().st_size > 20
    assert [*tmp_path.iterdir()] == [target, filled.file_path] or {*tmp_path.iterdir()} == {target, filled.file_path}


@pytest.mark.parametrize("format", FORMATS)
def test_a_stopped_export_leaves_nothing(filled, tmp_path, format):
    progress = Told(stop_at=0.0)
    with pytest.raises(WorkStoppedError):
        export(filled.get_node("/RawData/Scan000/Detector000"), tmp_path / "out" / "a", format, progress=progress)
    assert not [*(tmp_path / "out").iterdir()]


@pytest.mark.parametrize("format", FORMATS)
def test_progress_goes_up_to_the_end(filled, tmp_path, format):
    progress = Told()
    export(filled.get_node("/RawData/Scan000/Detector000/Data1D"), tmp_path / "a", format, progress=progress)
    assert progress.shares == sorted(progress.shares)
    assert progress.shares[-1] == 1.0


def test_an_exporter_that_fails_leaves_nothing(tmp_path):
    class Failing(Exporter):
        name, extensions, help, takes = "failing", (".f",), "fails half way", Takes.DATA

        def write(self, source, path, job):
            path.write_text("half", encoding="utf-8")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        export(DATA["image"], tmp_path / "a.f", Failing())
    with pytest.raises(OSError, match="disk full"):
        export([DATA["image"], DATA["mask"]], tmp_path / "a.f", Failing())
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "a_csv").mkdir()
    with pytest.raises(FileExistsError):
        export([DATA["image"], DATA["mask"]], tmp_path / "a.csv", overwrite=True)
    assert not [*(tmp_path / "a_csv").iterdir()]


def test_what_holds_no_data_is_told(saver, tmp_path):
    for what in (saver.get_node("/RawData/Logger"), saver.raw_group):
        with pytest.raises(ExportError, match="no data that can be exported"):
            export(what, tmp_path / "a.npz")
    done = export(saver, tmp_path / "a.h5")
    assert done.files == [done.path]


def test_arrays_of_other_programs_are_data_too(saver, backend, tmp_path):
    saver.create_carray("/", "counts", np.arange(3), attributes={"units": "V"})
    saver.create_carray(saver.create_group("/", "run"), "number", np.array(2.5))
    archive = np.load(export(saver, tmp_path / "a.npz").path)
    assert archive["counts/data_0"].tolist() == [0, 1, 2]
    assert archive["run/data_0"].tolist() == [2.5]


# ------------------------------------------------------------------------------------------------------- big arrays
@pytest.mark.parametrize("format", ["npy", "npz", "nexus", "netcdf", "tiff"])
def test_big_data_are_never_in_memory_as_a_whole(tmp_path, format):
    shape, read = (160, 512, 512), []

    def frames(part):
        read.append(part)
        size = [len(range(n)[p]) if isinstance(p, slice) else 0 for p, n in zip(part, shape, strict=True)]
        return np.ones([n for n in size if n], np.uint16)

    big = DataRaw("big", data=[LazyArray(frames, shape, np.dtype(np.uint16), (1, 512, 512))], nav_indexes=(0,))
    create_exporter(format)
    export(DATA["film"], tmp_path / f"warm.{format}", format)  # what libraries keep for ever does not count
    tracemalloc.start()
    done = export(big, tmp_path / "a", format)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.path.stat().st_size >= 160 * 512 * 512 * 2
    assert peak < 42_000_000
    assert len(read) > 5


def test_a_big_table_is_written_in_pieces(tmp_path):
    rows = LazyArray(lambda part: np.ones(len(range(100_000)[part[0]])), (100_000,), np.dtype(float))
    tracemalloc.start()
    export(DataRaw("log", data=[rows], axes=[Axis("t", "s", np.arange(100_000.0))]), tmp_path / "a.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


# ------------------------------------------------------------------------------------------------- the command line
def test_the_command_lists_formats(capsys):
    assert main(["export", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name} " in f"\n{said}" for name in FORMATS)


@pytest.fixture
def file(filled, tmp_path):
    path = filled.file_path
    filled.close_file()
    return path


def test_the_command_exports_a_node(file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    node = "RawData/Scan000/Detector000/Data1D/CH00"
    assert main(["export", str(file), node, "-o", "trace.csv"]) == 0
    assert capsys.readouterr().out == "trace.csv\n"
    assert main(["export", str(file), node, "-f", "npy"]) == 0
    said = capsys.readouterr()
    assert said.out == "afile_RawData_Scan000_Detector000_Data1D_CH00.npy\n"
    assert said.err.startswith("note: npy holds numbers only")
    assert np.load(said.out.strip()).shape == (2, 3, 4)
    assert main(["export", str(file), node, "-o", "trace.csv"]) == 1
    assert "nothing is overwritten" in capsys.readouterr().err
    assert main(["export", str(file), node, "-o", "trace.csv", "--overwrite"]) == 0


def test_the_command_exports_a_file(file, backend, tmp_path, capsys):
    before = file.read_bytes()
    assert main(["export", str(file), "-o", str(tmp_path / "copy.h5")]) == 0
    with H5Backend(backend) as copy:
        copy.open_file(tmp_path / "copy.h5")
        assert copy.get_node("/RawData/Logger").read() == ["a line µ"]
    assert file.read_bytes() == before


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
@pytest.mark.parametrize(("words", "code", "said"), [
    (["bad.h5", "-f", "csv"], 3, "bad.h5"),
    (["afile.h5"], 2, "-f FORMAT or -o OUT"),
    (["afile.h5", "/Gone", "-f", "csv"], 1, "Gone"),
    (["afile.h5", "-f", "docx"], 1, "choose one of: csv"),
    (["none.h5", "-f", "csv"], 3, "none.h5"),
])  # fmt: skip
def test_the_command_says_what_is_wrong(file, tmp_path, capsys, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.h5").write_bytes(b"no file of HDF5")
    assert main(["export", *words]) == code
    assert said in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"afile.h5", "bad.h5"}
