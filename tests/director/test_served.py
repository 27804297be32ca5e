"""What a director begins with: a file as it is, or the newest version of its store that it can use."""

import logging
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from director.__main__ import main
from director.documents.loading import Blueprint
from director.errors import Misconfigured
from director.renewal import ReadOnly
from director.served import renewal, served
from director.strict import DocumentError
from director.versions import changes
from director.versions.documents import gathered
from director.versions.file import FileVersions
from director.versions.version import Added, Contents

ANNA = Added("anna")
WRONG = Contents("architecture.yaml", {"architecture.yaml": "from: the future"})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "versions.db"


def asked(**given: Any) -> Namespace:
    nothing = {"architecture": None, "store": None, "store_project": None, "environment": None}
    return Namespace(**nothing | {"store_collection": "architecture"} | given)


def add(store: Path, *contents: Contents) -> None:
    versions = FileVersions(store)
    for number, one in enumerate(contents):
        versions.add(one, number, ANNA)
    versions.close()


def unused(new: Blueprint) -> None:
    raise AssertionError("nothing is new")


def test_a_file_is_served_as_a_version_that_nobody_adds_to(document: Path) -> None:
    begun = served(asked(architecture=document))
    assert begun.version == begun.newest
    assert begun.version.comment == str(document)
    found = renewal(begun, asked(architecture=document), unused)
    found.start()
    assert found.versions.contents(1) == gathered(document)
    with pytest.raises(ReadOnly):
        found.add(WRONG, 1, ANNA)
    found.stop()


def test_of_a_store_the_current_version_is_served_and_followed(
    document: Path, store: Path, eventually: Callable[..., None]
) -> None:
    add(store, gathered(document))
    begun = served(asked(store=str(store)))
    assert (begun.version.number, begun.newest.number) == (1, 1)
    renewed: list[Blueprint] = []
    found = renewal(begun, asked(store=str(store)), renewed.append)
    found.start()
    text = document.read_text().replace("a/#", "b/#")
    document.write_text(text)
    other = FileVersions(store)
    changes.add(other, gathered(document), 1, ANNA)
    other.close()
    eventually(lambda: renewed)
    assert found.version.number == 2
    found.stop()


def test_where_the_newest_cannot_be_used_the_one_before_is_served_and_it_is_told(
    document: Path, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, gathered(document), WRONG)
    begun = served(asked(store=str(store)))
    assert (begun.version.number, begun.newest.number) == (1, 2)
    assert "version 2 refused: architecture.yaml:1:1: from: unknown key" in caplog.text
    found = renewal(begun, asked(store=str(store)), unused)
    assert found.remark == "version 2 cannot be used, see the log; version 1 is served"
    found.look()
    found.stop()
    assert all(record.levelno == logging.ERROR for record in caplog.records)


def test_where_none_can_be_used_all_that_is_wrong_with_the_newest_is_told(store: Path) -> None:
    add(store, WRONG, Contents("architecture.yaml", {"architecture.yaml": "name: plant"}))
    with pytest.raises(DocumentError, match="dataflows: is missing"):
        served(asked(store=str(store)))


def test_an_empty_store_says_what_to_do(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(store)
    with pytest.raises(Misconfigured, match="the store has no version yet; add one with"):
        served(asked(store=str(store)))
    assert main(["serve", "--store", str(store), "--port", "0"]) == 2
    assert main(["serve", "--store", str(store.with_name("absent")), "--port", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_a_store_in_no_project_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    assert main(["serve", "--store", "firestore", "--port", "0"]) == 2
    assert "needs its project; add --store-project" in capsys.readouterr().err


def test_a_file_and_a_store_together_are_refused(document: Path) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--store", "firestore", "--architecture", str(document)])
