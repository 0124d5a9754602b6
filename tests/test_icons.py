"""The icons are found and drawn in the colours of the program that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.errors import H5SaverError
from h5saver_widget.qt import icons
from h5saver_widget.qt.icons import IconError, icon, icon_names

NEEDED = {
    "browse", "camera", "chart", "folder", "grab", "h5saver", "log", "new-file", "pause", "record", "save", "settings",
    "snap", "spectrum", "stop",
}  # fmt: skip
LIGHT = {"Window": "#efefef", "WindowText": "#101010"}
DARK = {"Window": "#2b2b2b", "WindowText": "#e6e6e6"}


def palette_of(colours: dict[str, str]) -> QtGui.QPalette:
    palette = QtGui.QPalette()
    for role, colour in colours.items():
        palette.setColor(getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor(colour))
    return palette


@pytest.fixture
def app(qapp: QtWidgets.QApplication) -> Iterator[QtWidgets.QApplication]:
    before = QtGui.QPalette(qapp.palette())
    yield qapp
    qapp.setPalette(before)


def opaque_colours(pixmap: QtGui.QPixmap) -> set[str]:
    image = pixmap.toImage()
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    return {colour.name() for colour in pixels if colour.alpha() == 255}


def test_the_icons_that_the_windows_need_are_there() -> None:
    assert set(icon_names()) >= NEEDED


@pytest.mark.parametrize("name", icon_names())
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_icon_is_drawn_in_the_text_colour(app: QtWidgets.QApplication, name: str, colours: dict[str, str]) -> None:
    app.setPalette(palette_of(colours))
    seen = opaque_colours(icon(name).pixmap(32, 32))
    assert seen, "an empty picture"
    if name != "h5saver":  # has colours of its own
        assert seen == {colours["WindowText"]}


def test_icon_takes_the_colour_it_is_given(app: QtWidgets.QApplication) -> None:
    assert opaque_colours(icon("record", color="#d32f2f").pixmap(32, 32)) == {"#d32f2f"}
    assert opaque_colours(icon("record", color=QtGui.QColor(0, 80, 0)).pixmap(32, 32)) == {"#005000"}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_disabled_icon_is_between_text_and_background(app: QtWidgets.QApplication, colours: dict[str, str]) -> None:
    app.setPalette(palette_of(colours))
    (seen,) = opaque_colours(icon("stop").pixmap(QtCore.QSize(32, 32), QtGui.QIcon.Mode.Disabled))
    low, value, high = sorted(
        [
            QtGui.QColor(colours["Window"]).value(),
            QtGui.QColor(seen).value(),
            QtGui.QColor(colours["WindowText"]).value(),
        ]
    )
    assert low + 40 < value < high - 40
    assert value == QtGui.QColor(seen).value()


def test_icon_of_a_button_that_is_disabled_now_is_drawn_when_it_is_enabled(app: QtWidgets.QApplication) -> None:
    app.setPalette(palette_of(LIGHT))
    button = QtWidgets.QPushButton()
    button.setEnabled(False)
    (seen,) = opaque_colours(icon("stop", on=button).pixmap(QtCore.QSize(32, 32)))
    assert QtGui.QColor(seen) == QtGui.QColor(LIGHT["WindowText"])


@pytest.mark.parametrize("points", [16, 24, 32, 48])
@pytest.mark.parametrize("ratio", [1.0, 2.0, 3.0])
def test_icon_has_the_pixels_of_the_screen(app: QtWidgets.QApplication, points: int, ratio: float) -> None:
    pixels = round(points * ratio)
    sizes = {size.width() for size in icon("save").availableSizes()}
    assert pixels in sizes


def test_same_icon_is_rendered_once(app: QtWidgets.QApplication) -> None:
    before = icons._build.cache_info().hits
    icon("camera")
    icon("camera")
    assert icons._build.cache_info().hits > before


def test_unknown_icon_lists_those_there_are(app: QtWidgets.QApplication) -> None:
    with pytest.raises(IconError, match=r"no icon 'recrod'; there are: .*record") as caught:
        icon("recrod")
    assert isinstance(caught.value, KeyError)
    with pytest.raises(IconError):
        icon("../setup")


def test_unknown_colour_is_named(app: QtWidgets.QApplication) -> None:
    with pytest.raises(H5SaverError, match="'no such colour' is not a colour"):
        icon("save", color="no such colour")


def test_source_tree_that_is_not_installed_has_its_icons(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(_name: str) -> Path:
        raise ModuleNotFoundError("No module named 'h5saver_widget.icons'")

    monkeypatch.setattr(icons.resources, "files", not_there)
    icons._folder.cache_clear()
    try:
        assert set(icon_names()) >= NEEDED
    finally:
        icons._folder.cache_clear()
