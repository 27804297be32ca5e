"""Paths into a document's fields."""

import pytest
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.field_path import get_field_path
from hypothesis import given
from hypothesis import strategies as st

from localcloud.firestore.field_paths import assign, lookup, masked, parse, remove
from localcloud.firestore.messages import Document, Value
from localcloud.rpc import RpcError


def document(**fields: object) -> Document:
    made = Document(name="projects/p/databases/d/documents/c/x")
    for name, value in _helpers.encode_dict(fields).items():
        made.fields[name].CopyFrom(value._pb)
    return made


def plain(made: Document) -> object:
    return _helpers.decode_dict(made.fields, None)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b_1._c", ("a", "b_1", "_c")),
        ("`a.b`.c", ("a.b", "c")),
        (r"`a\`b\\c`", (r"a`b\c",)),
        ("`1`.`é`", ("1", "é")),
        ("__name__", ("__name__",)),
    ],
)
def test_paths_are_parsed(text: str, path: tuple[str, ...]) -> None:
    assert parse(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "1a", "a-b", "`a", "``", "a`b`", "a b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(RpcError, match="Invalid property path"):
        parse(text)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_what_googles_client_writes_is_read(segments: list[str]) -> None:
    assert parse(get_field_path(segments)) == tuple(segments)


def test_values_are_found_below_maps_only() -> None:
    fields = document(a={"b": 1}, c=2).fields
    assert lookup(fields, ("a", "b")).integer_value == 1
    assert lookup(fields, ("c", "b")) is None
    assert lookup(fields, ("x",)) is None


def test_assigning_makes_the_maps_on_the_way() -> None:
    made = document(a=1, b={"x": 1})
    assign(made.fields, ("a", "b", "c"), Value(integer_value=5))
    assign(made.fields, ("b", "y"), Value(integer_value=6))
    assert plain(made) == {"a": {"b": {"c": 5}}, "b": {"x": 1, "y": 6}}


def test_removing_what_is_not_there_changes_nothing() -> None:
    made = document(a={"b": 1, "c": 2})
    for path in (("a", "b"), ("a", "x"), ("x", "y"), ("a", "c", "d")):
        remove(made.fields, path)
    assert plain(made) == {"a": {"c": 2}}


def test_a_mask_leaves_what_it_names() -> None:
    made = masked(document(a={"b": 1, "c": 2}, d=3, e=4), ["a.b", "d", "x"])
    assert plain(made) == {"a": {"b": 1}, "d": 3}
    assert plain(masked(document(a=1), ["__name__"])) == {}
