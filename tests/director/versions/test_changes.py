"""Versions are checked before they are added; what cannot be used changes nothing."""

from collections.abc import Callable, Iterator

import pytest

from director.errors import Unknown
from director.strict import DocumentError
from director.versions import changes
from director.versions.file import FileVersions
from director.versions.version import Added, Conflict, Contents

Change = Callable[[str, str], Contents]
ANNA = Added("anna")


@pytest.fixture
def store() -> Iterator[FileVersions]:
    found = FileVersions()
    yield found
    found.close()


def test_what_loads_is_added_and_what_is_current_already_is_not_added_again(
    store: FileVersions, contents: Contents, changed: Change
) -> None:
    first, new = changes.add(store, contents, None, ANNA)
    assert (first.number, new) == (1, True)
    assert changes.add(store, contents, None, Added("bert")) == (first, False)
    assert changes.add(store, contents, 7, Added("bert")) == (first, False)  # as when an answer was lost
    second, new = changes.add(store, changed("Readings of", "News of"), 1, ANNA)
    assert (second.number, new) == (2, True)


def test_what_does_not_load_is_refused_with_all_its_problems_and_changes_nothing(
    store: FileVersions, contents: Contents, changed: Change
) -> None:
    changes.add(store, contents, None, ANNA)
    wrong = changed("topic: readings", "topic: elsewhere")
    texts = {**wrong.texts, "devices.yaml": "d-1: none"}
    with pytest.raises(DocumentError) as caught:
        changes.add(store, Contents(wrong.hub, texts), 1, ANNA)
    assert [problem.file for problem in caught.value.problems] == ["architecture.yaml", "devices.yaml"]
    assert all(problem.line for problem in caught.value.problems)
    with pytest.raises(DocumentError, match=r"devices\.yaml"):
        changes.add(store, Contents(contents.hub, {contents.hub: contents.texts[contents.hub]}), 1, ANNA)
    assert [one.number for one in store.page(None, 10)] == [1]


def test_an_inline_secret_is_refused_and_nowhere_repeated(store: FileVersions, changed: Change) -> None:
    with pytest.raises(DocumentError, match="a secret does not belong here") as caught:
        changes.add(store, changed("filter: a/#", "password: canary-1f"), None, ANNA)
    assert "canary" not in str(caught.value)
    assert store.current() is None


def test_a_file_that_nothing_leads_to_is_refused_for_nobody_would_check_it(
    store: FileVersions, contents: Contents
) -> None:
    stray = Contents(contents.hub, {**contents.texts, "notes.yaml": "password: canary-1f"})
    with pytest.raises(DocumentError, match="nothing leads to this file") as caught:
        changes.add(store, stray, None, ANNA)
    assert [problem.file for problem in caught.value.problems] == ["notes.yaml"]
    assert store.current() is None


def test_an_old_version_with_such_a_file_can_be_brought_back(
    store: FileVersions, contents: Contents, changed: Change
) -> None:
    store.add(Contents(contents.hub, {**contents.texts, "notes.yaml": "{}"}), 0, ANNA)
    changes.add(store, changed("Readings of", "News of"), 1, ANNA)
    assert changes.roll_back(store, 1, 2, Added("anna", restores=1))[0].number == 3


def test_a_store_is_of_one_architecture_in_one_project(
    store: FileVersions, contents: Contents, changed: Change
) -> None:
    changes.add(store, contents, None, ANNA)
    with pytest.raises(DocumentError, match="name: is 'factory', but this store is of 'plant'; keep it, or import"):
        changes.add(store, changed("name: plant", "name: factory"), None, ANNA)
    with pytest.raises(DocumentError, match="project_id: is 'x-plant-"):
        changes.add(store, changed("project_id: ", "project_id: x-"), None, ANNA)


def test_a_current_version_that_no_longer_loads_can_be_followed_by_any(store: FileVersions, contents: Contents) -> None:
    store.add(Contents("architecture.yaml", {"architecture.yaml": "from: the future"}), 0, ANNA)
    assert changes.add(store, contents, 1, ANNA)[0].number == 2


def test_who_knows_another_version_is_refused(store: FileVersions, contents: Contents, changed: Change) -> None:
    changes.add(store, contents, 0, ANNA)
    with pytest.raises(Conflict):
        changes.add(store, changed("Readings of", "News of"), 0, ANNA)


def test_a_rollback_adds_the_old_texts_once_more(store: FileVersions, contents: Contents, changed: Change) -> None:
    changes.add(store, contents, None, ANNA)
    changes.add(store, changed("Readings of", "News of"), None, ANNA)
    back, new = changes.roll_back(store, 1, 2, Added("bert", "as before", restores=1))
    assert (back.number, back.restores, back.comment, new) == (3, 1, "as before", True)
    assert store.contents(3) == store.contents(1) == contents
    assert changes.roll_back(store, 1, 3, Added("bert", restores=1)) == (back, False)
    with pytest.raises(Unknown):
        changes.roll_back(store, 9, 3, Added("bert", restores=9))


def test_an_old_version_that_no_longer_loads_does_not_come_back(store: FileVersions, contents: Contents) -> None:
    store.add(Contents("architecture.yaml", {"architecture.yaml": "from: the past"}), 0, ANNA)
    changes.add(store, contents, 1, ANNA)
    with pytest.raises(DocumentError, match="unknown key"):
        changes.roll_back(store, 1, 2, Added("bert", restores=1))
    assert len(store.page(None, 10)) == 2
