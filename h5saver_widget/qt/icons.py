"""Our icons as ``QIcon``: single-colour drawings that take the colour of the host's text, light or dark.

An SVG in the top-level ``icons/`` folder is drawn in black; every ``#000000`` in it is replaced before it is rendered.
Other colours stay as they are, so a drawing may have a second tone.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.errors import H5SaverError, MissingLibraryError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["IconError", "icon", "icon_names"]

DRAWN_COLOUR = "#000000"

# A QIcon scales down but never up and asks for size times device pixel ratio, so these are 16, 24, 32, 48 and 64 at
# ratios 1, 1.25, 1.5, 2 and 3 without near duplicates.
PIXEL_SIZES = (16, 20, 24, 30, 32, 36, 40, 48, 64, 72, 96, 128, 144, 192)

# How far a disabled icon goes towards the background.
DISABLED_BLEND = 0.62


class IconError(H5SaverError, KeyError):
    """There is no icon of this name."""

    def __str__(self) -> str:
        """Return the message as it was given (a KeyError would show its repr)."""
        return Exception.__str__(self)


def icon(name: str, color: str | QtGui.QColor | None = None, on: QtWidgets.QWidget | None = None) -> QtGui.QIcon:
    """Return one of our icons, in the colour of the text of the program that shows it.

    A `color` such as ``"#d32f2f"`` replaces the palette's text colour. `on` is the widget that shows it: a style sheet
    may give it colours that the application's palette does not have. Icons are crisp from 16 to 64 points at device
    pixel ratios up to 3, with a greyed disabled mode. When the palette changes (``QEvent.PaletteChange``) ask again:
    the colours of an icon are those of the palette at the time of the call.

    IconError lists the names of :func:`icon_names`, if this is none of them; MissingLibraryError if this Qt has no
    QtSvg; H5SaverError if there is no ``QApplication`` yet: Qt would abort the program.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> icon("record", color="#d32f2f").isNull()
    False
    """
    if QtWidgets.QApplication.instance() is None:
        raise H5SaverError(f"Icon {name!r} was asked for before there is a QApplication: make the application first")
    if on is not None:
        on.ensurePolished()
    palette = QtWidgets.QApplication.palette() if on is None else on.palette()
    # not the present group: a button that is disabled now is enabled later, with the same icon
    group, role = QtGui.QPalette.ColorGroup.Active, QtGui.QPalette.ColorRole
    normal = palette.color(group, role.WindowText) if color is None else QtGui.QColor(color)
    if not normal.isValid():
        raise H5SaverError(f"{color!r} is not a colour: give a name like 'red', '#rrggbb' or a QColor")
    disabled = _blend(normal, palette.color(group, role.Window), DISABLED_BLEND)
    return QtGui.QIcon(_build(name, normal.name(), disabled.name()))


def icon_names() -> list[str]:
    """Return the names of the icons there are, sorted.

    >>> "record" in icon_names()
    True
    """
    return sorted(entry.name.removesuffix(".svg") for entry in _folder().iterdir() if entry.name.endswith(".svg"))


@lru_cache(maxsize=256)
def _build(name: str, normal: str, disabled: str) -> QtGui.QIcon:
    """Render an icon at every size, in its normal and its disabled colour (``"#rrggbb"``)."""
    svg = _read_svg(name)
    built = QtGui.QIcon()
    for mode, colour in ((QtGui.QIcon.Mode.Normal, normal), (QtGui.QIcon.Mode.Disabled, disabled)):
        if mode == QtGui.QIcon.Mode.Disabled and DRAWN_COLOUR not in svg:
            continue  # a drawing with colours of its own: the style greys it
        for size in PIXEL_SIZES:
            built.addPixmap(_render(svg.replace(DRAWN_COLOUR, colour), size), mode)
    return built


def _render(svg: str, size: int) -> QtGui.QPixmap:
    """Render an SVG text to a square, transparent pixmap of so many pixels."""
    try:
        from pyqtgraph.Qt import QtSvg
    except ImportError as error:
        raise MissingLibraryError(
            f"The icons need Qt's SVG module and it cannot be imported ({error}): "
            "install it; Debian has it apart from a packaged PyQt5, as python3-pyqt5.qtsvg"
        ) from error
    renderer = QtSvg.QSvgRenderer(QtCore.QByteArray(svg.encode()))
    image = QtGui.QImage(size, size, QtGui.QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(image)
    renderer.render(painter)
    painter.end()
    return QtGui.QPixmap.fromImage(image)


def _read_svg(name: str) -> str:
    """Return the text of an icon's file."""
    if name not in icon_names():
        raise IconError(f"There is no icon {name!r}; there are: {', '.join(icon_names())}")
    return (_folder() / f"{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _folder() -> Traversable:
    """Return the folder of the icons: the source tree's, beside this package, or the installed one."""
    beside = Path(__file__).resolve().parents[2] / "icons"
    return beside if (beside / "h5saver.svg").is_file() else resources.files("h5saver_widget.icons")


def _blend(first: QtGui.QColor, second: QtGui.QColor, share: float) -> QtGui.QColor:
    """Return a colour between two: `share` 0 is the first, 1 the second."""
    return QtGui.QColor(
        *(round((1 - share) * a + share * b) for a, b in zip(first.getRgb()[:3], second.getRgb()[:3], strict=True))
    )
