"""The device of a message stands in an attribute, or in the payload where a pointer says."""

from typing import Any

import pytest

from beam_jobs.enrichment.keys import attribute_key, payload_key
from bridge import envelope


def parsed(payload: bytes = b"", **attributes: str) -> Any:
    return envelope.parse(envelope.data(payload) + envelope.attributes(attributes))


def test_an_attribute_names_the_device() -> None:
    messages = [parsed(device="d"), parsed(other="x"), parsed(device="")]
    assert [attribute_key("device")(one, one.attributes) for one in messages] == ["d", "", ""]


@pytest.mark.parametrize(
    ("pointer", "payload", "key"),
    [
        ("/id", b'{"id": "d"}', "d"),
        ("/id", b'{"id": 17}', "17"),
        ("/a/1/b~1c", b'{"a": [{}, {"b/c": "deep"}]}', "deep"),
        ("", b'"whole"', "whole"),
        ("/id", b'{"id": true}', ""),
        ("/id", b'{"id": 1.5}', ""),
        ("/id", b'{"id": null}', ""),
        ("/id", b'{"id": {}}', ""),
        ("/id", b'{"other": 1}', ""),
        ("/a/9", b'{"a": []}', ""),
        ("/a/b", b'{"a": []}', ""),
        ("/a/b", b'{"a": "text"}', ""),
        ("/id", b"", ""),
        ("/id", b"\xff\xfe", ""),
        ("/id", b"[" * 100_000, ""),
        ("/id", b'{"id": NaN}', ""),
    ],
)
def test_a_pointer_names_text_or_a_whole_number_in_the_payload(pointer: str, payload: bytes, key: str) -> None:
    message = parsed(payload)
    assert payload_key(pointer)(message, message.attributes) == key
