"""The modules that are imported by name, the icons, and the entry points."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata


def _is_wanted(name: str) -> bool:
    return not name.startswith(("h5saver_widget.integrations", "h5saver_widget.pyinstaller"))


hiddenimports = collect_submodules("h5saver_widget", filter=_is_wanted)
datas = collect_data_files("h5saver_widget.icons") + copy_metadata("h5saver_widget")
