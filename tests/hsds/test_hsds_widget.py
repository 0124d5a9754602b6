"""The saver with a screen and a server: what the tree shows, where files go, what is never written down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_proxy import Proxy
from hsds_server import PASSWORD, USER, HsdsServer, free_port
from pyqtgraph.Qt import QtCore, QtWidgets
from recording_helpers import settle
from widget_shared import SERVER, TYPED, Chooser, Window

from h5saver_widget import DataLoader, H5Saver, H5SaverLowLevel
from h5saver_widget.backends.remote_rest import Rest, keep_folder
from h5saver_widget.qt.server_dialog import ServerFiles


def test_the_tree_shows_what_a_server_needs(window: Window) -> None:
    settings = window.saver.settings
    assert window.shows("backend", "swmr_options") and window.shows("base_path")
    assert window.shows("backend", "mirror") and not window.shows(*SERVER)
    settings["backend", "backend_type"] = "h5pyd"
    assert window.shows(*SERVER) and not window.shows("backend", "swmr_options")
    assert not window.shows("base_path") and not window.shows("backend", "mirror")
    settings[(*SERVER, "local_first")] = True
    assert window.shows("base_path") and window.shows("backend", "swmr_options")
    assert window.shows(*SERVER, "local_first") and not window.shows("backend", "mirror")
    for name in ("password", "api_key"):
        line = window.tree.row_of(*SERVER, name).widget
        assert line.echoMode() == QtWidgets.QLineEdit.EchoMode.Password
    assert window.tree.row_of(*SERVER, "user").widget.placeholderText() == USER
    settings["backend", "backend_type"] = "h5py"
    assert window.shows("base_path") and not window.shows(*SERVER)
    settings["backend", "mirror"] = True
    assert window.shows(*SERVER) and not window.shows(*SERVER, "local_first") and window.shows("base_path")
    begun = H5Saver("detector", "h5pyd")
    assert begun.settings.child("base_path").opts["visible"] and begun.settings.child(*SERVER).opts["visible"]
    assert (begun.backend, begun.settings["backend", "backend_type"], begun.wants_mirror) == ("h5py", "h5pyd", True)


def test_a_local_file_comes_first(window: Window, folder: Path) -> None:
    """That is what a server in the settings means, unless somebody has chosen otherwise."""
    saver = window.saver
    saver.settings[(*SERVER, "domain")] = folder.as_posix()
    saver.settings[(*SERVER, "local_first")] = True
    saver.settings["backend", "backend_type"] = "h5pyd"
    saver.settings["do_save"] = True
    settle(saver)
    path = saver.file_path
    assert path is not None and path.is_file() and saver.backend == "h5py"
    window.save(30)
    assert saver.status().mirror
    saver.settings["do_save"] = False
    settle(saver)
    status = saver.mirror_status
    window.qtbot.waitUntil(lambda: status().completed == 1 and not status().waiting, timeout=60_000)
    with H5SaverLowLevel("detector", backend="h5pyd") as other:
        other.open_file(folder / path.relative_to(Path(saver.settings["base_path"])))
        assert other.get_node("/RawData/Detector000/Data1D/CH00/EnlData00").shape == (30, 4)
    saver.set_backend("h5pyd")  # by a program that means the server itself
    assert saver.backend == "h5pyd" and not saver.settings[(*SERVER, "local_first")] and not saver.wants_mirror
    saver.set_backend("h5py")
    assert saver.settings["backend", "backend_type"] == "h5py" and not saver.wants_mirror


@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "here"])
def test_what_a_server_does_not_take_is_seen_and_sent_later(
    window: Window, folder: Path, proxy: Proxy, isolated: bool
) -> None:
    """Frames count as written when the server has them; closing hands the rest over, and waits for nobody."""
    saver = window.saver
    saver.settings["backend", "isolated"] = isolated
    saver.settings["backend", "backend_type"] = "h5pyd"
    saver.settings[(*SERVER, "endpoint")] = proxy.endpoint
    saver.settings[(*SERVER, "domain")] = folder.as_posix()
    saver.settings["do_save"] = True
    settle(saver)
    path = saver.file_path
    window.save(5)
    window.qtbot.waitUntil(lambda: saver.statistics().frames_written == 5 or not saver.flush(), timeout=30_000)
    proxy.refuse = 403
    window.save(1)
    window.qtbot.waitUntil(lambda: "(403)" in " ".join(saver.status().remarks), timeout=30_000)
    counted = saver.statistics()
    assert (counted.frames_written, counted.frames_waiting) == (5, 1)
    assert saver.status().mirror.endswith("MB are not on the server yet") and saver.io.queue.activity().unsafe_bytes
    saver.settings["do_save"] = False
    settle(saver)
    assert (saver.statistics().frames_written, saver.statistics().frames_dropped) == (5, 0)
    assert any("kept" in status.message for status in window.said if status.command == "error")
    proxy.refuse = 0
    window.qtbot.waitUntil(lambda: not saver.mirror_status().waiting and not Rest.files(keep_folder()), timeout=60_000)
    with DataLoader(path, backend="h5pyd") as loader:
        found = loader.load_data("/RawData/Detector000/Data1D/CH00/EnlData00")
        assert found.data[0][:, 0].tolist() == [0, 1, 2, 3, 4, 0]


def test_the_answer_says_in_words_what_is_wrong(window: Window, hsds: HsdsServer) -> None:
    settings = window.saver.settings
    settings["backend", "backend_type"] = "h5pyd"
    assert window.press_test() == f"Connected to {hsds.endpoint} as {USER}: the folder /home/{USER} is there."
    assert window.shows(*SERVER, "connection")
    settings[(*SERVER, "domain")] = "/home/nowhere"
    assert not window.shows(*SERVER, "connection"), "the answer was to another question"
    assert "there is no /home/nowhere on the server" in window.press_test()
    line = window.tree.row_of(*SERVER, "password").widget
    window.qtbot.keyClicks(line, TYPED)
    window.qtbot.keyClick(line, QtCore.Qt.Key.Key_Return)
    assert "user name or password are wrong" in window.press_test()
    settings[(*SERVER, "api_key")] = TYPED
    assert "the API key is not accepted" in window.press_test()
    settings[(*SERVER, "certificate")] = "nowhere.pem"
    assert "there is no certificate nowhere.pem" in window.press_test()
    settings[(*SERVER, "certificate")] = ""
    settings[(*SERVER, "endpoint")] = f"http://127.0.0.1:{free_port()}"
    assert "is the address right and the server running" in window.press_test()


@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "here"])
def test_recording_to_the_server(window: Window, folder: Path, isolated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a user and a password that the tree alone knows."""
    saver = window.saver
    monkeypatch.delenv("HS_USERNAME")
    monkeypatch.delenv("HS_PASSWORD")
    saver.settings["backend", "isolated"] = isolated
    saver.settings["backend", "backend_type"] = "h5pyd"
    for name, value in (("user", USER), ("password", PASSWORD), ("domain", folder.as_posix())):
        saver.settings[(*SERVER, name)] = value
    saver.settings["do_save"] = True
    settle(saver)
    path = saver.file_path
    assert path is not None and path.is_relative_to(folder) and saver.isolated == isolated
    window.save(20)
    saver.flush()
    assert (saver.statistics().frames_written, saver.statistics().file_size) == (20, None)
    copy = saver.save_file(Path(saver.settings["base_path"]).parent / "copy.h5")
    assert copy is not None and copy.is_file()
    saver.settings["do_save"] = False
    settle(saver)
    assert not saver.isopen() and not [status for status in window.said if status.command == "error"]
    browser = saver.show_file_content()
    assert browser is not None and browser.wait(30)
    assert browser.model.names("/RawData") and not browser.current_file().problem
    browser.close()
    browser.deleteLater()
    monkeypatch.setenv("HS_USERNAME", USER)
    monkeypatch.setenv("HS_PASSWORD", PASSWORD)
    with DataLoader(path, backend="h5pyd") as loader:
        found = loader.load_data("/RawData/Detector000/Data1D/CH00/EnlData00")
        assert found.data[0][:, 0].tolist() == list(range(20))


Act = Callable[[ServerFiles], None]


def test_a_slow_server_is_asked_beside_the_window(window: Window, folder: Path, proxy: Proxy) -> None:
    """The dialog is there at once, says what it waits for, and can be left."""
    saver = window.saver
    saver.settings["backend", "backend_type"] = "h5pyd"
    saver.settings[(*SERVER, "endpoint")] = proxy.endpoint
    saver.settings[(*SERVER, "domain")] = folder.as_posix()
    path = saver.new_file()
    saver.close_file()
    place = path.parent
    proxy.delay = 0.6

    def choose(dialog: ServerFiles) -> None:
        proxy.delay = 0.0
        assert dialog.path == path
        dialog.names.itemActivated.emit(dialog.names.currentItem())

    with Chooser(choose) as chooser:
        assert saver.choose_existing_path(place) == path
    assert chooser.waits > 5  # the window went on meanwhile
    proxy.delay = 0.6
    with Chooser(lambda _: None, waiting=lambda dialog: dialog.reject()) as chooser:
        assert saver.choose_existing_path(place) is None
    assert chooser.waits == 1
    window.qtbot.waitUntil(
        lambda: not any("h5saver browser: server" in thread.name for thread in threading.enumerate()), timeout=30_000
    )


def test_folders_of_the_server_are_looked_through(window: Window, folder: Path) -> None:
    saver = window.saver
    saver.settings["backend", "backend_type"] = "h5pyd"
    saver.settings[(*SERVER, "domain")] = folder.as_posix()
    path = saver.new_file()
    saver.close_file()
    seen: list[Path] = []

    def go_down(dialog: ServerFiles) -> None:
        seen.append(dialog.folder)
        if dialog.names.count():
            dialog.open_button.click()  # the folder, and at last the file
        chooser.start()

    with Chooser(go_down) as chooser:
        assert saver.choose_existing_path(folder) == path
    assert seen[0] == folder and seen[-1] == path.parent

    def go_up(dialog: ServerFiles) -> None:
        if dialog.folder == folder / "nothing":
            seen.append(dialog.folder)
            assert dialog.state.text() not in ("", "Asking the server …")
            dialog.up.click()
            chooser.start()
        else:
            assert dialog.folder == folder
            dialog.line.setText("")
            assert not dialog.open_button.isEnabled()
            dialog.line.setText(f"{folder.as_posix()}/typed.h5")
            dialog.open_button.click()

    with Chooser(go_up) as chooser:
        assert saver.choose_existing_path(folder / "nothing") == folder / "typed.h5"
    assert seen[-1] == folder / "nothing"
