"""The address of a remote file and its user: plain data, of which the password is never shown and never written."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from h5saver_widget.errors import DataMismatchError, FileOpenError

__all__ = ["RemoteOptions", "state_folder"]

_FROM_ENVIRONMENT = {
    "endpoint": "HS_ENDPOINT",
    "username": "HS_USERNAME",
    "password": "HS_PASSWORD",
    "bucket": "HS_BUCKET",
    "api_key": "HS_API_KEY",
}


def state_folder() -> Path:
    """Return the folder of this user for data that wait for a server; it need not exist."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "h5saver_widget"


@dataclass(frozen=True)
class RemoteOptions:
    """How an HSDS server is reached, and how long it may take.

    Empty fields come from the environment (``HS_ENDPOINT``, ``HS_USERNAME``, ``HS_PASSWORD``, ``HS_BUCKET``,
    ``HS_API_KEY``, the names that HSDS's own tools use); a password that is not there either, from the system's
    keyring, if the library ``keyring`` is installed: service = endpoint, user = username. Where nobody is named, an API
    key comes from there, too: user = ``api_key``.

    Attributes
    ----------
    endpoint
        Address of the service, ``http://server:5101``; of several service nodes, all addresses with a blank between:
        the next one is taken where one does not answer.
    username, password
        The user. The password is not part of the representation.
    bucket
        Storage bucket; the server's default if empty.
    api_key
        A key that identifies the user, without name and password. It is not part of the representation, either.
    certificate
        File (PEM) of the certificate of a server with ``https://``, or of its issuer; those that the system trusts by
        default.
    connect_seconds
        How long a server may take to answer when a file is opened.
    timeout_seconds
        How long one request may take.
    patience_seconds
        How long reading waits for a server that has gone away, and closing for one that takes nothing more; rows that
        are appended do not wait.
    change_seconds
        How long a group, an array or an attribute that has to be made waits for it.
    flush_seconds, flush_bytes
        Rows are sent when they are so old, or so many.
    checkpoint_seconds
        How often the server is asked to write everything to its storage. Readers see rows that are there.
    lease_seconds
        How long a writer that does not say that it lives keeps others out. It says so three times as often.
    queue_bytes
        How much may wait in memory for a server that is away or slow; more waits on the local disk.
    keep_folder
        Folder on the local disk for that; the user's own by default.
    keep
        Whether rows may wait there. Otherwise they are refused when the memory is full.
    """

    endpoint: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    bucket: str = ""
    api_key: str = field(default="", repr=False)
    certificate: str = ""
    connect_seconds: float = 4.0
    timeout_seconds: float = 30.0
    patience_seconds: float = 10.0
    change_seconds: float = 60.0
    flush_seconds: float = 0.5
    flush_bytes: int = 8 << 20
    checkpoint_seconds: float = 2.0
    lease_seconds: float = 10.0
    queue_bytes: int = 256 << 20
    keep_folder: str = ""
    keep: bool = True

    @classmethod
    def of(cls, values: RemoteOptions | Mapping[str, Any] | None) -> Self:
        """Return options made of plain data; DataMismatchError for a name that is none.

        >>> RemoteOptions.of({'endpoint': 'http://127.0.0.1:5101', 'username': 'me', 'password': 'x'}).username
        'me'
        """
        known = {entry.name for entry in fields(cls)}
        given = {name: getattr(values, name) for name in known} if isinstance(values, RemoteOptions) else values or {}
        unknown = sorted(set(given) - known)
        if unknown:
            raise DataMismatchError(
                f"{', '.join(map(repr, unknown))} are no options of a remote file; there are: {sorted(known)}"
            )
        return cls(**given)

    @property
    def addresses(self) -> list[str]:
        """Each address of the server; FileOpenError if there is none, or one is no address.

        >>> RemoteOptions('http://one:5101, http://two:5101/').addresses
        ['http://one:5101', 'http://two:5101']
        """
        found = [address.rstrip("/") for address in self.endpoint.replace(",", " ").split()]
        if not found:
            raise FileOpenError(
                "no HSDS server is named: give an endpoint such as http://server:5101, or set HS_ENDPOINT"
            )
        for address in found:
            parts = urlsplit(address)
            if parts.scheme != "http+unix" and (parts.scheme not in ("http", "https") or not parts.hostname):
                raise FileOpenError(
                    f"{address!r} is not the address of a server; expected something like http://server:5101"
                )
        return found

    def without_secrets(self) -> RemoteOptions:
        """Return these options as they may be shown to others."""
        return replace(self, password="", api_key="")

    @property
    def home(self) -> str:
        """The user's own folder on the server, ``''`` if nobody is named."""
        user = self.username or os.environ.get(_FROM_ENVIRONMENT["username"], "")
        return f"/home/{user}" if user else ""

    def completed(self, secret: bool = True) -> RemoteOptions:
        """Return these options with empty fields taken from the environment and, if `secret`, the keyring."""
        found: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for name, variable in _FROM_ENVIRONMENT.items():
            found[name] = found[name] or os.environ.get(variable, "")
        if secret and found["endpoint"] and not (found["password"] or found["api_key"]):
            if found["username"]:
                found["password"] = _from_keyring(found["endpoint"], found["username"])
            else:
                found["api_key"] = _from_keyring(found["endpoint"], "api_key")
        return RemoteOptions(**found)


def _from_keyring(endpoint: str, username: str) -> str:
    """Return the password that the system's keyring has, ``''`` if it has none, is locked, or there is no keyring."""
    if find_spec("keyring") is None:
        return ""
    keyring = import_module("keyring")
    try:
        return keyring.get_password(endpoint, username) or ""
    except keyring.errors.KeyringError as error:  # the server is asked without: it says what is missing
        logging.getLogger("h5saver_widget.remote").info("the keyring was not read: %s", type(error).__name__)
        return ""
