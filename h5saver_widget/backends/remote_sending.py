"""Sending the unsent changes of a closed file later: by its identity on the server, not by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_journal import Journal
from h5saver_widget.backends.remote_nodes import Nodes
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_rest import Rest
from h5saver_widget.backends.remote_writer import WriterMark
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["send_rest"]


def send_rest(path: Path, options: RemoteOptions) -> Path:
    """Send the changes in a file on the local disk, and delete that file; return the path on the server.

    Parameters
    ----------
    path
        A file that was left when one on a server was closed (:meth:`.Rest.files`).
    options
        Where the server is.

    Raises
    ------
    CodecError
        If it is no such file.
    FileOpenError
        If there is another file of that name on the server, or somebody has written it since.
    RemoteError, RemoteRefusedError
        If the server can't take it now, or refuses; the file stays.
    """
    rest = Rest.read(path)
    domain = Path(PurePosixPath(rest.head["domain"]))
    # none of it may be sent before all of it was read: counts are told of whole batches
    client = Client(domain.as_posix(), replace(options, keep=False, queue_bytes=1 << 62))
    mark = WriterMark(client, rest.head["root"])
    journal = None
    try:
        status, answer = client.probe()
        if status >= 300 or answer.get("root") != rest.head["root"]:
            raise FileOpenError(
                f"{domain} on {client.options.endpoint} is not the file that {path.name} belongs to, or is gone: "
                "nothing was changed there"
            )
        nodes = Nodes(client, rest.head["root"])
        nodes.remember()
        mark.take_over(rest.head["lease"])
        journal = Journal(client, rest.head["root"], mark, nodes)
        journal.load(rest)
        journal.close()
        path.unlink()
        return domain
    except (RemoteError, RemoteRefusedError):
        mark.let_go()  # so that the next try knows it as left
        raise
    finally:
        if journal is not None:
            journal.end()
        mark.let_go()
        client.close()
