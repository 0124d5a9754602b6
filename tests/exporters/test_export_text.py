"""txt and csv: everything comes back, for our reader, numpy and pandas."""

from __future__ import annotations

import csv

import numpy as np
import pandas
import pytest
from export_data import DATA
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from h5saver_widget import Axis, DataLoader, DataRaw
from h5saver_widget.errors import CodecError, ExportError
from h5saver_widget.exporters import export
from h5saver_widget.exporters.job import block_parts
from h5saver_widget.exporters.text_reading import read_text


def same(found, data):
    assert found == data
    assert [a.dtype for a in found.data] == [a.dtype for a in data.data]
    assert [np.asarray(a.get_data()).dtype for a in found.axes] == [np.asarray(a.get_data()).dtype for a in data.axes]
    assert (found.origin, found.timestamp, found.extra_attributes) == (
        data.origin, data.timestamp, data.extra_attributes)  # fmt: skip


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
@pytest.mark.parametrize("name", DATA)
def test_data_in_memory_come_back(tmp_path, name, suffix):
    path = export(DATA[name], tmp_path / f"a{suffix}").path
    same(read_text(path).data, DATA[name])


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_a_file_comes_back_with_background_and_errors(filled, tmp_path, suffix):
    done = export(filled, tmp_path / f"out{suffix}")
    items = {item.data.name: item for item in map(read_text, done.files)}
    loaded = {dwa.name: dwa for dwa in DataLoader(filled).load_all()}
    assert items.keys() == loaded.keys() == {*DATA, "value", "trace", "ElapsedTime"}
    assert done.path.name == f"out_{suffix[1:]}"
    for name, item in items.items():
        if name != "spectre":  # tuples come back as lists
            same(item.data, loaded[name])
    spectre = items["spectre"]
    assert spectre.data == loaded["spectre"]
    assert [spectre.backgrounds[i].tolist() for i in (0, 1)] == [[0.25] * 3, [0.5] * 3]
    assert (spectre.data.note, spectre.data.gains, spectre.data.exposure) == ("µ\nzwei", [1, 2], 0.5)


def test_numpy_and_pandas_read_the_tables(tmp_path):
    data = DATA["spectre"]
    columns = np.loadtxt(export(data, tmp_path / "a.txt").path)
    expected = [data.axes[0].get_data(), *data.data, *data.errors]
    assert np.array_equal(columns.T, expected)
    frame = pandas.read_csv(export(data, tmp_path / "a.csv").path, comment="#")
    assert [*frame.columns] == ["λ [nm]", "CH00 [V]", "CH01 [V]", "CH00 error [V]", "CH01 error [V]"]
    assert np.array_equal(frame.to_numpy().T, expected)
    tidy = pandas.read_csv(export(DATA["image"], tmp_path / "b.csv").path, comment="#")
    assert np.array_equal(tidy.pivot(index="y [µm]", columns="x [µm]", values="L").to_numpy(), DATA["image"].data[0])


def test_numpy_reads_the_matrices(tmp_path):
    data = DATA["field"]
    rows = np.loadtxt(export(data, tmp_path / "a.txt").path)
    real, imag = rows.reshape(2, *data.shape)
    assert np.array_equal(real + 1j * imag, data.data[0])


numbers = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.float16, np.complex128, np.int64, np.uint8, np.bool_]),
    arrays.array_shapes(max_dims=3, max_side=4),
)


@settings(max_examples=60, deadline=None)
@given(values=numbers, suffix=st.sampled_from([".txt", ".csv"]), label=st.text(max_size=8))
def test_any_numbers_come_back_to_the_last_bit(tmp_path_factory, values, suffix, label):
    axis = Axis(label, label, np.arange(values.shape[0]) / 3, 0)
    data = DataRaw("any", data=[values], labels=[label], units=label, axes=[axis])
    found = read_text(export(data, tmp_path_factory.mktemp("any") / f"a{suffix}").path).data
    assert found == data
    assert found.dtype == values.dtype


def test_blocks_follow_each_other():
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    for limit in (1, 3, 4, 8, 13, 100):
        blocks = [array[part].ravel() for part in block_parts(array.shape, 1, limit)]
        assert np.concatenate(blocks).tolist() == [*range(24)]
        assert max(map(len, blocks)) <= max(limit, 1)


def test_a_foreign_text_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 2 3\n", encoding="utf-8")
    with pytest.raises(CodecError, match=r"numpy\.loadtxt"):
        read_text(path)


def test_a_text_that_was_cut_is_refused(tmp_path):
    path = export(DATA["image"], tmp_path / "a.txt").path
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(CodecError, match="its own header"):
        read_text(path)


def test_an_axis_that_is_no_real_number_is_told(tmp_path):
    data = DataRaw("a", data=[np.arange(2.0)], axes=[Axis("z", "", np.array([1j, 2j]))])
    with pytest.raises(ExportError, match="real"):
        export(data, tmp_path / "a.csv")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_of_a_csv_is_a_formula(tmp_path, start):
    evil = f"{start}HYPERLINK(1)"
    axis = Axis(evil, "V", data=np.arange(3.0))
    more = {"note": f"a,{evil}, {evil}", "notes": [evil, "b"]}
    data = DataRaw(evil, data=[-np.arange(3.0)] * 2, labels=[evil, f"b,{evil}"], axes=[axis], **more)
    path = export(data, tmp_path / "a.csv").path
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@")) or cell.startswith("-H")]
    found = read_text(path).data
    assert found.name == evil and found.labels == data.labels and found.note == more["note"]
    assert found.axes[0].label == evil
