"""What can be kept as a version, and what not."""

import pytest

from director.strict import DocumentError
from director.versions.version import LARGEST_VERSION, Contents, check


def test_the_hub_comes_first_and_the_others_by_name() -> None:
    contents = Contents("m.yaml", {"z.yaml": "", "a/b.yaml": "", "m.yaml": ""})
    assert contents.names == ("m.yaml", "a/b.yaml", "z.yaml")


def test_the_hash_is_of_names_and_texts_and_of_which_is_the_hub() -> None:
    same = Contents("a", {"a": "1", "b": "2"}).sha256
    assert same == Contents("a", {"b": "2", "a": "1"}).sha256
    others = [
        Contents("b", {"a": "1", "b": "2"}),
        Contents("a", {"a": "2", "b": "1"}),
        Contents("a", {"a": "12", "b": ""}),
        Contents("a", {"a": "1", "b": "2", "c": ""}),
    ]
    assert len({same, *(other.sha256 for other in others)}) == 5


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../x.yaml", "no name of a file"),
        ("/etc/x.yaml", "no name of a file"),
        ("a//b.yaml", "no name of a file"),
        ("./a.yaml", "no name of a file"),
        ("a\\b.yaml", "no name of a file"),
        ("a\nb.yaml", "no name of a file"),
        ("", "more than 200 characters"),
        ("x" * 201, "more than 200 characters"),
        ("hub.yaml/x", "called like one of the files"),
    ],
)
def test_names_are_those_of_files_inside_a_folder(name: str, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        check(Contents("hub.yaml", {"hub.yaml": "", name: ""}))


def test_what_is_too_much_or_no_text_is_refused_all_at_once() -> None:
    texts = {"hub.yaml": "", "large.yaml": "x" * 1_000_001, "odd.yaml": "\ud800"}
    with pytest.raises(DocumentError) as caught:
        check(Contents("hub.yaml", texts))
    assert [problem.file for problem in caught.value.problems] == ["large.yaml", "odd.yaml"]
    with pytest.raises(DocumentError, match=f"exceed {LARGEST_VERSION:,} bytes"):
        check(Contents("0", {str(number): "x" * 900_000 for number in range(9)}))
    with pytest.raises(DocumentError, match="at most 200"):
        check(Contents("0", {str(number): "" for number in range(201)}))
    with pytest.raises(DocumentError, match="is the hub, but its text is not here"):
        check(Contents("absent.yaml", {"hub.yaml": ""}))
