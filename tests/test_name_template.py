"""Name patterns: what is previewed is what the file gets, and what can't be a name is refused in words."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget.errors import NamingError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.name_template import PLACEHOLDERS, NameTemplate
from h5saver_widget.format.naming import PathProvider, check_base_name, create_exclusive

NOW = datetime(2026, 11, 21, 16, 58, 48)
FIELDS = {"Sample": "Si", "Sample name": "a/b: 1", "empty": " "}


def touch(path: Path) -> Path:
    path.open("x").close()
    return path


def provider(folder: Path, text: str, save_type: str = "detector", **options) -> PathProvider:
    return PathProvider(folder, "Laser", SaveType(save_type), template=NameTemplate(text, FIELDS), **options)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{base}_{date}_{time}", "Laser_20261121_16_58_48.h5"),
        ("{year}-{month}-{day}T{hour}{minute}{second}", "2026-11-21T165848.h5"),
        ("run {counter}", "run 000.h5"),
        ("{COUNTER:5}.h5", "00000.h5"),
        ("{type}/{sample}/{base}", "detector/Si/Laser.h5"),
        ("{Sample Name}", "a_b_ 1.h5"),
        ("fixed", "fixed.h5"),
        ("at 1.5 K.HDF5", "at 1.5 K.h5"),
    ],
)
def test_patterns(tmp_path, text, name):
    found = provider(tmp_path, text)
    assert found.preview(NOW) == name
    assert next(found.candidates(NOW)) == tmp_path / "2026" / "20261121" / name
    assert provider(tmp_path, text, dated=False).next_path(NOW) == tmp_path / name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *[("", "is empty"), (".h5", "is empty"), ("{bse}", "{bse} in the name pattern is unknown; there are: base")],
        *[("{base", "'{' without its partner"), ("a}b", "'}' without"), ("{{base}}", "without its partner")],
        *[("{counter}{counter:4}", "more than one"), ("{counter}/{base}", "is in a folder")],
        *[("{counter:0}", "write {counter:5}"), ("{counter:99}", "1 to 12"), ("{base:3}", "write|only the counter")],
        *[("{empty}", "has no value yet"), ("/".join("a" * 20), "more than 16 folders")],
        *[("a//b", "empty name"), ("/a", "empty name"), ("a/", "empty name"), ("../{base}", "ends in a space or dot")],
        *[("a:b", "holds ':'"), ("a\\b", "not allowed in file names"), ("con/{base}", "device on Windows")],
        *[("x" * 201, "takes 201 bytes"), ("a /b", "ends in a space"), ("a\0b", "not allowed")],
    ],
)
def test_bad_patterns_say_why(tmp_path, text, reason):
    with pytest.raises(NamingError, match=reason):
        provider(tmp_path, text).preview(NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_counter_counts_on_whatever_the_time(tmp_path):
    found = provider(tmp_path, "{base}_{date}_{time}_{counter}", dated=False)
    for step in range(3):
        now = NOW + timedelta(minutes=step)
        assert create_exclusive(found.candidates(now), touch).name.endswith(f"_{step:03d}.h5")
    tomorrow = NOW + timedelta(days=1)
    assert found.preview(tomorrow).endswith("_000.h5"), "the date is part of the name: a new day counts anew"
    plain = provider(tmp_path, "{base} {counter}", dated=False)
    touch(tmp_path / "laser 999.h5")  # some systems don't know small from capital letters
    assert plain.preview(NOW) == "Laser 1000.h5"
    touch(tmp_path / "Laser 5000 copy.h5")
    touch(tmp_path / "Laser 6000.txt")
    assert plain.preview(tomorrow) == "Laser 1000.h5"


def test_a_scan_goes_on_in_the_last_file_of_its_pattern(tmp_path):
    for text in ("{base}_{counter}", "{base}_{time}"):
        found = provider(tmp_path / text, text, "scan")
        assert found.last_dataset(NOW) is None
        paths = [create_exclusive(found.candidates(NOW + timedelta(seconds=n // 2)), touch) for n in range(6)]
        assert len(set(paths)) == 6
        assert found.last_dataset(NOW) == max(paths, key=lambda path: path.stem)


PIECES = st.lists(
    st.one_of(
        st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS]), st.sampled_from(["{sample}", "{counter:6}", "/"])
    )
    | st.text("abcXYZ019 _-+.,äß{}:%$", max_size=6),
    max_size=7,
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1))


@settings(max_examples=150, deadline=None)
@given(PIECES, MOMENTS, st.integers(1, 4), st.booleans(), st.sampled_from(["scan", "detector"]))
def test_the_preview_is_the_name_that_the_file_gets(pieces, now, files, dated, kind):
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = provider(Path(folder), "".join(pieces), kind, dated=dated)
            preview = found.preview(now)
        except NamingError as error:
            assert str(error) and list(Path(folder).iterdir()) == []
            return
        seen = set()
        for _ in range(files):
            preview = found.preview(now)
            path = create_exclusive(found.candidates(now), touch)
            assert path.relative_to(found.folder(now)).as_posix() == preview
            assert Path(folder) in path.parents and all(check_base_name(part) for part in Path(preview).parts)
            assert path not in seen, "never a name twice"
            seen.add(path)
