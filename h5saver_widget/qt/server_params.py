"""The settings of a server as plain parameter descriptions: where it is, who asks, where files go."""

from __future__ import annotations

from typing import Any

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.qt.secret import SECRET_TYPE

__all__ = ["server_params"]


def server_params(visible: bool) -> dict[str, Any]:
    """Return the description of the group ``hsds_options``.

    Examples
    --------
    >>> [child['name'] for child in server_params(True)['children']]
    ['endpoint', 'user', 'password', 'domain', 'test', 'connection']
    """
    known = RemoteOptions().completed(secret=False)
    return {
        "title": "Server",
        "name": "hsds_options",
        "type": "group",
        "visible": visible,
        "tip": "The HSDS server that has the files. What is left empty comes from the environment.",
        "children": [
            {
                "title": "Address",
                "name": "endpoint",
                "type": "str",
                "value": "",
                "placeholder": known.endpoint or "http://server:5101",
                "tip": "Address of the server, such as http://server:5101. Empty: the one that the environment names.",
            },
            {
                "title": "User",
                "name": "user",
                "type": "str",
                "value": "",
                "placeholder": known.username or "name on the server",
                "tip": "Your name on the server. Empty: the one that the environment names.",
            },
            {
                "title": "Password",
                "name": "password",
                "type": SECRET_TYPE,
                "placeholder": "from the environment" if known.password else "from the keyring",
                "tip": "Better left empty: it then comes from the environment or the keyring of the system. What is "
                "typed here is kept in memory until the program ends, and never written down.",
            },
            {
                "title": "Folder",
                "name": "domain",
                "type": "str",
                "value": "",
                "placeholder": RemoteOptions().home or "/home/name",
                "tip": "Folder on the server for all files, such as /home/me. It has one folder per year and per day. "
                "Empty: your own folder there.",
            },
            {
                "title": "Test connection",
                "name": "test",
                "type": "action",
                "tip": "Ask the server whether it is there and lets you in, and say what is wrong if not.",
            },
            {
                "title": "Answer",
                "name": "connection",
                "type": "str",
                "value": "",
                "readonly": True,
                "visible": False,
                "tip": "What came of the last test of the connection.",
            },
        ],
    }
