"""What can be read of a document that may be wrong."""

from director.documents.drafts import Draft


def test_what_is_of_another_type_reads_as_absent() -> None:
    draft = Draft({"a": 1, "b": [1, {"c": "x"}], "d": {"e": {"f": "y"}, "g": 2}})
    assert draft.text("a") is None
    assert draft.inner("a").data == {}
    assert [(item.data, item.location) for item in draft.items("b")] == [({"c": "x"}, ("b", 1))]
    assert list(draft.items("d")) == []
    assert draft.children("d")["e"].text("f") == "y"
    assert draft.children("d")["g"].data == {}
