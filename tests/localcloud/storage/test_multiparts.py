"""multipart/related bodies."""

import pytest

from localcloud.rest import HttpError
from localcloud.storage.multiparts import json_object, multipart

HEAD = b'--B\r\ncontent-type: application/json\r\n\r\n{"name": "n"}\r\n--B\r\nContent-Type: text/plain\r\n\r\n'


@pytest.mark.parametrize("data", [b"", b"hello", b"\r\n", b"\r\n--B", b"\r\n--B\r\nmore", b"\x00\xff"])
def test_the_bytes_come_out_as_they_went_in(data: bytes) -> None:
    found = multipart('multipart/related; boundary="B"', HEAD + data + b"\r\n--B--")
    assert (found.resource, found.content_type, found.data) == ({"name": "n"}, "text/plain", data)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/related", HEAD + b"x\r\n--B--"),
        ('multipart/related; boundary="C"', HEAD + b"x\r\n--B--"),
        ('multipart/related; boundary="B"', HEAD + b"cut off"),
        ('multipart/related; boundary="B"', b"--B\r\n\r\n[1]\r\n--B\r\n\r\nx\r\n--B--"),
    ],
)
def test_other_bodies_are_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(HttpError) as refused:
        multipart(content_type, body)
    assert refused.value.status == 400


def test_a_resource_must_be_an_object_or_nothing() -> None:
    assert json_object(b"") == {}
    with pytest.raises(HttpError, match="Parse Error"):
        json_object(b"{")
