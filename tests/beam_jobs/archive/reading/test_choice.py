"""Of one attribute any test will do; those of several must all hold."""

from typing import Any

import pytest

from beam_jobs.archive.reading.choice import Choice, Where, choice, where
from beam_jobs.archive.reading.place import Span


def document(identity: str = "1", **attributes: str) -> dict[str, Any]:
    return {"id": identity, "attributes": attributes}


def chosen(*tests: str, ids: tuple[str, ...] = (), devices: tuple[str, ...] = ()) -> Choice:
    return choice(Span(), list(ids), list(devices), [where(one) for one in tests])


def test_a_value_may_hold_anything_and_a_prefix_is_marked() -> None:
    assert where("a.b=x=y") == Where("a.b", "x=y")
    assert where("a^=x") == Where("a", "x", prefix=True)
    assert where("a=") == Where("a", "")
    assert [str(where(text)) for text in ("a.b=x=y", "a^=x")] == ["a.b=x=y", "a^=x"]


@pytest.mark.parametrize("text", ["", "a", "=x", "^=x"])
def test_what_is_no_test_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write ATTRIBUTE=VALUE"):
        where(text)


def test_tests_of_one_attribute_widen_and_of_several_narrow() -> None:
    both = chosen("a=1", "a^=2", "b=x")
    assert both.takes(document(a="1", b="x"))
    assert both.takes(document(a="23", b="x"))
    assert not both.takes(document(a="1", b="y"))
    assert not both.takes(document(a="3", b="x"))
    assert not both.takes(document(b="x"))


def test_an_empty_value_is_not_a_missing_one() -> None:
    assert chosen("a=").takes(document(a=""))
    assert not chosen("a=").takes(document())


def test_ids_and_devices_narrow_as_well() -> None:
    wanted = chosen("a=1", ids=("1", "2"), devices=("d",))
    assert wanted.takes({"id": "2", "attributes": {"a": "1", "ce-subject": "d"}})
    assert not wanted.takes({"id": "3", "attributes": {"a": "1", "ce-subject": "d"}})
    assert not wanted.takes({"id": "2", "attributes": {"a": "1", "ce-subject": "e"}})
    assert chosen().takes(document())
    assert chosen().by_time_only
    assert not wanted.by_time_only
