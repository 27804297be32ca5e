"""Documents a collection begins with, as Firestore would take them."""

from pathlib import Path

import pytest

from director.documents.seeds import documents
from director.strict import DocumentError, read


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "devices.yaml"
    file.write_text(text)
    with pytest.raises(DocumentError) as caught:
        documents(read(file))
    return [str(problem).removeprefix(f"{folder}/devices.yaml:") for problem in caught.value.problems]


def test_documents_are_read_by_id(tmp_path: Path) -> None:
    (tmp_path / "devices.yaml").write_text(
        "d-1: {name: a, limits: [1, 2.5, true, null], nested: {x: {y: z}}}\n'2': {}\n"
    )
    assert documents(read(tmp_path / "devices.yaml")) == {
        "d-1": {"name": "a", "limits": [1, 2.5, True, None], "nested": {"x": {"y": "z"}}},
        "2": {},
    }


def test_everything_firestore_would_not_take_is_told_at_once(tmp_path: Path) -> None:
    text = "a/b: {}\n__x__: {}\n..: {}\nd: [1]\ne: {f: [[1]], __g__: 1, '': 2}\n1: {}\n"
    assert problems(tmp_path, text) == [
        "1:1: [\"a/b\"]: 'a/b' is no Firestore id; it may not be empty, '.', '..', '__...__' or hold '/'",
        "2:1: __x__: '__x__' is no Firestore id; it may not be empty, '.', '..', '__...__' or hold '/'",
        "3:1: [\"..\"]: '..' is no Firestore id; it may not be empty, '.', '..', '__...__' or hold '/'",
        "4:4: d: is no document; write a mapping of fields to values",
        "5:9: e.f[0]: a list directly in a list, which Firestore refuses; use a mapping",
        "5:15: e.__g__: is no field name that Firestore takes; rename it",
        '5:25: e[""]: is no field name that Firestore takes; rename it',
        "6:1: 1: the key 1 is not text; put it in quotes",
    ]


def test_too_deep_a_document_is_refused(tmp_path: Path) -> None:
    assert "lies deeper than Firestore's 20 levels" in problems(tmp_path, "d: " + "{a: " * 22 + "1" + "}" * 22)[0]
