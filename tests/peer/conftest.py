"""The corpus of the peer: what it says of the files that it made."""

import pytest


@pytest.fixture(scope="session")
def corpus(peer, tmp_path_factory):
    """Let the peer write a file with every saver; return what it reports of them, by path."""
    folder = tmp_path_factory.mktemp("corpus")
    return peer.ask("peer_corpus", folder, folder=str(folder))
