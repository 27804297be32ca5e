"""Bytes under keys, in memory and as files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.storage.contents import Contents, FileContents, MemoryContents, join, pieces


@pytest.fixture(params=["memory", "files"])
def contents(request: pytest.FixtureRequest, tmp_path: Path) -> Contents:
    makers: dict[str, Callable[[], Contents]] = {"memory": MemoryContents, "files": lambda: FileContents(tmp_path)}
    return makers[request.param]()


def everything(contents: Contents, key: str) -> bytes:
    return b"".join(pieces(contents, key))


def test_appended_bytes_are_read_in_order(contents: Contents) -> None:
    for data in (b"one", b"", b"two"):
        contents.append("x", data)
    assert (everything(contents, "x"), contents.size("x")) == (b"onetwo", 6)
    reader = contents.open("x")
    assert (reader.at(2, 3), reader.at(4, 100), reader.at(6, 1)) == (b"etw", b"wo", b"")
    reader.close()


def test_open_content_outlives_its_drop(contents: Contents) -> None:
    contents.append("x", b"data")
    reader = contents.open("x")
    contents.drop("x")
    contents.drop("x")
    assert reader.at(0, 4) == b"data"
    reader.close()
    assert contents.size("x") == 0


def test_a_copy_outlives_what_it_was_copied_from(contents: Contents) -> None:
    contents.append("x", b"data")
    copy = contents.copy("x")
    contents.drop("x")
    assert everything(contents, copy) == b"data"


def test_contents_are_joined_whole(contents: Contents) -> None:
    large = bytes(range(256)) * 5000  # more than one piece
    contents.append("x", large)
    contents.append("y", b"end")
    assert everything(contents, join(contents, ["y", "x", "y"])) == b"end" + large + b"end"
    assert everything(contents, join(contents, [])) == b""


def test_what_nothing_names_is_removed(contents: Contents) -> None:
    for key in "xyz":
        contents.append(key, b"data")
    contents.keep_only({"y"})
    assert [contents.size(key) for key in "xyz"] == [0, 4, 0]
