"""Documents a collection begins with: from a file in the document's own folder, as Firestore would take them."""

from pathlib import Path

import pytest

from director.documents.seeds import load, seed_file
from director.strict import DocumentError


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "devices.yaml"
    file.write_text(text)
    with pytest.raises(DocumentError) as caught:
        load(file)
    return [str(problem).removeprefix(f"{folder}/devices.yaml:") for problem in caught.value.problems]


def test_documents_are_read_by_id(tmp_path: Path) -> None:
    (tmp_path / "devices.yaml").write_text(
        "d-1: {name: a, limits: [1, 2.5, true, null], nested: {x: {y: z}}}\n'2': {}\n"
    )
    assert load(tmp_path / "devices.yaml") == {
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


@pytest.mark.parametrize(
    "name", ["../devices.yaml", "/etc/passwd", "a/../../b.yaml", "..", "", ".", "a\\..\\b", "a\0b", "x/../y.yaml"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="leads out of this document's folder"):
        seed_file(tmp_path, name)


def test_a_symbolic_link_is_refused_wherever_it_lies(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "devices.yaml").write_text("a: {}\n")
    (inside / "devices.yaml").symlink_to(outside / "devices.yaml")
    (inside / "folder").symlink_to(outside)
    for name in ("devices.yaml", "folder/devices.yaml"):
        with pytest.raises(ValueError, match="is a symbolic link"):
            seed_file(inside, name)


def test_a_file_in_a_folder_below_is_fine(tmp_path: Path) -> None:
    assert seed_file(tmp_path, "data/devices.yaml") == tmp_path / "data" / "devices.yaml"
