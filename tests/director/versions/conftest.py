"""Stores of every kind, and contents to put into them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from director.provisioning.clients import Clients
from director.retries import Retries
from director.versions.documents import gathered
from director.versions.file import FileVersions
from director.versions.firestore import FirestoreVersions
from director.versions.version import Contents, Versions

Open = Callable[[], Versions]


@pytest.fixture(params=["file", "memory", "firestore"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again, as another director would."""
    opened: list[FileVersions] = []
    if request.param == "firestore":
        clients: Clients = request.getfixturevalue("clients")
        yield lambda: FirestoreVersions(clients.firestore, Retries())
        return
    if request.param == "memory":
        opened.append(FileVersions())
        yield lambda: opened[0]
    else:

        def open_file() -> FileVersions:
            opened.append(FileVersions(tmp_path / "store"))
            return opened[-1]

        yield open_file
    for one in opened:
        one.close()


@pytest.fixture
def contents(document: Path) -> Contents:
    return gathered(document)


@pytest.fixture
def changed(contents: Contents) -> Callable[[str, str], Contents]:
    """The contents with other words in the hub."""

    def change(old: str, new: str) -> Contents:
        assert old in contents.texts[contents.hub]
        return Contents(contents.hub, {**contents.texts, contents.hub: contents.texts[contents.hub].replace(old, new)})

    return change
