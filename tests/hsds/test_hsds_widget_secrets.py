"""The saver with a screen and a server: names of files there, passwords and keys that are written nowhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hsds_server import PASSWORD, USER, HsdsServer, free_port
from pyqtgraph.parametertree import ParameterTree
from pyqtgraph.Qt import QtCore, QtWidgets
from recording_helpers import settle
from widget_shared import SERVER, TYPED, Chooser, Window

from h5saver_widget.backends.registry import create_backend
from h5saver_widget.format.settings_xml import all_settings_xml
from h5saver_widget.qt.remember import restore_settings, save_settings
from h5saver_widget.qt.server_dialog import ServerFiles


def test_files_are_numbered_and_listed_on_the_server(
    window: Window, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = window.saver
    saver.settings["backend", "backend_type"] = "h5pyd"
    saver.settings[(*SERVER, "domain")] = folder.as_posix()
    saver.settings["recording", "dated_folders"] = False
    saver.settings["recording", "name_template"] = "run_{counter:3}"
    names = [saver.new_file().name for _ in range(2)]
    first, second = saver.server_folder() / names[0], saver.server_folder() / names[1]
    assert saver.next_file_name() not in names and saver.io.location.list_folder(folder) == sorted(names)

    def choose(dialog: ServerFiles) -> None:
        shown = [dialog.names.item(row).text() for row in range(dialog.names.count())]
        assert shown == [first.name, second.name] and dialog.path == second
        dialog.names.setCurrentRow(0)
        dialog.open_button.click()

    with Chooser(choose):
        window.tree.button_of("browse").click()
    settle(saver)
    assert saver.file_path == first and saver.io.writable
    monkeypatch.setattr(QtWidgets.QInputDialog, "getText", lambda *_: (f"{folder.as_posix()}/mine.h5", True))
    saver.settings["custom_name"] = True
    assert saver.init_file(update_h5=True) and saver.file_path == folder / "mine.h5"


def test_the_password_is_written_nowhere(
    window: Window, folder: Path, tmp_path: Path, hsds: HsdsServer, caplog: pytest.LogCaptureFixture
) -> None:
    saver = window.saver
    caplog.set_level(logging.DEBUG)
    saver.settings["backend", "backend_type"] = "h5pyd"
    saver.settings[(*SERVER, "domain")] = folder.as_posix()
    line = window.tree.row_of(*SERVER, "password").widget
    window.qtbot.keyClicks(line, TYPED)
    window.qtbot.keyClick(line, QtCore.Qt.Key.Key_Return)
    assert saver.server_options().password == TYPED and set(line.displayText()) != set(TYPED)
    saver.settings["do_save"] = True
    settle(saver)
    assert not saver.settings["do_save"] and not saver.isopen(), "it is the wrong one"
    window.press_test()
    saver.settings[(*SERVER, "api_key")] = TYPED
    store = QtCore.QSettings(str(tmp_path / "lab.ini"), QtCore.QSettings.Format.IniFormat)
    save_settings(saver.settings, store)
    assert restore_settings(saver.settings, store) == ()
    host_tree = ParameterTree()
    window.qtbot.addWidget(host_tree)
    host_tree.setParameters(saver.settings)
    normal = QtWidgets.QLineEdit.EchoMode.Normal
    shown = [box.text() for box in host_tree.findChildren(QtWidgets.QLineEdit) if box.echoMode() == normal]
    written = (
        str(all_settings_xml((None, saver.settings))),
        json.dumps(saver.settings.saveState(), default=str),
        str(saver.settings.saveState("user")),
        (tmp_path / "lab.ini").read_text(),
        caplog.text,
        str([(status.command, dict(status.args)) for status in window.said]),
        str(saver.server_options()),
        *shown,
    )
    assert [text for text in written if TYPED in text] == []
    assert any(status.command == "error" and "password are wrong" in status.message for status in window.said)
    saver.settings[(*SERVER, "api_key")] = ""
    saver.settings[(*SERVER, "password")] = PASSWORD
    saver.settings["do_save"] = True
    window.save(3)
    saver.settings["do_save"] = False
    settle(saver)
    for place in (hsds.root, tmp_path / "state", tmp_path / "local"):
        for file in place.rglob("*"):
            assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file


def test_the_keyring_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, hsds: HsdsServer, caplog: pytest.LogCaptureFixture
) -> None:
    import keyring
    import keyring.backends.fail
    from keyring.backend import KeyringBackend

    class Known(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return PASSWORD if (service, username) == (hsds.endpoint, USER) else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise AssertionError("nothing is written into a keyring")

        def delete_password(self, service: str, username: str) -> None:
            raise AssertionError("nothing is written into a keyring")

    monkeypatch.delenv("HS_PASSWORD")
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(Known())
        assert create_backend("h5pyd").location.connection_in_words().startswith("Connected to")
        keyring.set_keyring(keyring.backends.fail.Keyring())  # a machine without one
        assert "user name or password are wrong" in create_backend("h5pyd").location.connection_in_words()
    finally:
        keyring.set_keyring(before)


def test_a_mirror_that_can_not_reach_its_server(window: Window, folder: Path) -> None:
    saver = window.saver
    saver.settings[(*SERVER, "endpoint")] = f"http://127.0.0.1:{free_port()}"
    saver.settings["backend", "mirror"] = True
    saver.settings["do_save"] = True
    window.save(5)
    window.qtbot.waitUntil(lambda: saver.mirror_status().problem != "", timeout=30_000)
    (missing,) = saver.status().missing
    assert missing.startswith("the mirror: ") and missing.endswith("The file on the disk is not affected.")
    window.qtbot.waitUntil(lambda: "the mirror: " in saver.strip.problem.text(), timeout=5_000)
    saver.flush()
    assert saver.statistics().frames_written == 5 and saver.statistics().frames_dropped == 0
