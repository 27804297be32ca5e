"""Strict documents: every problem at once, each with its place and what to do."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from director.positions import Tree
from director.strict import (
    DocumentError,
    Duration,
    Graft,
    Problem,
    Source,
    Strict,
    between,
    check,
    duration,
    load,
    parse,
    parsed,
    printable,
    read,
    spelled,
    written,
)


class Route(Strict):
    filter: str
    qos: Literal[0, 1] = 1
    mode: Literal["first", "all"] = "first"


class Settings(Strict):
    url: str
    timeout: Annotated[Duration, between("1s", "10m")] = timedelta(seconds=20)
    routes: dict[str, Route] = {}  # noqa: RUF012 - pydantic copies it
    numbers: tuple[int, ...] = ()
    choice: Route | list[str] | None = None
    password: int = 0


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load(text, Settings)
    return [str(problem) for problem in caught.value.problems]


def test_a_good_document_becomes_a_frozen_model() -> None:
    settings = load("url: a\ntimeout: 1m30s\nroutes: {up: {filter: x/#}}\nnumbers: [1, 2]\n", Settings)
    assert settings.timeout == timedelta(seconds=90)
    assert settings.routes["up"] == Route(filter="x/#")
    assert settings.numbers == (1, 2)
    with pytest.raises(ValueError, match="frozen"):
        settings.url = "b"  # type: ignore[misc]


def test_every_problem_is_told_at_once_with_line_column_and_path() -> None:
    text = """\
ulr: a
timeout: 3h
numbers: [1, '2']
routes:
  up:
    filtr: 3
    qos: 2
    mode: fisrt
choice: {filter: 3}
"""
    assert problems(text) == [
        "<text>:1:1: ulr: unknown key; did you mean 'url'?",
        "<text>:1:1: url: is missing; add it",
        "<text>:2:10: timeout: is 3h; from 1s to 10m is allowed",
        '<text>:3:14: numbers[1]: is "2"; write a whole number',
        "<text>:5:3: routes.up.filter: is missing; add it",
        "<text>:6:5: routes.up.filtr: unknown key; did you mean 'filter'?",
        "<text>:7:10: routes.up.qos: is 2; use 0 or 1",
        "<text>:8:11: routes.up.mode: is \"fisrt\"; did you mean 'first'?",
        "<text>:9:9: choice: is a mapping; write a list",
        "<text>:9:18: choice.filter: is 3; write text (in quotes, if it looks like something else)",
    ]


def test_a_file_is_named_in_each_problem(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("url: 1\n")
    with pytest.raises(DocumentError) as caught:
        load(file, Settings)
    assert str(caught.value) == f"{file}:1:6: url: is 1; write text (in quotes, if it looks like something else)"


def test_parsed_data_is_checked_the_same_without_places() -> None:
    assert parse({"url": "a", "numbers": [1]}, Settings).numbers == (1,)
    with pytest.raises(DocumentError) as caught:
        parse({"url": "a", "rotes": {}}, Settings, source="director")
    assert caught.value.problems == (Problem("director", 0, 0, "rotes", "unknown key; did you mean 'routes'?"),)
    assert str(caught.value) == "director: rotes: unknown key; did you mean 'routes'?"


def test_parsed_data_can_be_a_source_of_its_own() -> None:
    data = {"url": "a", "routes": {}}
    source = parsed(data, "director")
    source.data["routes"]["up"] = 1
    assert data == {"url": "a", "routes": {}}
    assert str(source.problem(("routes", "up"), "is wrong")) == "director: routes.up: is wrong"


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x"])
def test_parsed_data_that_json_cannot_hold_is_a_problem(value: Any) -> None:
    with pytest.raises(DocumentError, match="holds what JSON cannot"):
        parse({"url": value}, Settings)


def test_problems_of_a_composed_document_name_the_one_they_are_written_in() -> None:
    hub, part, over = (
        read(text, name)
        for name, text in (
            ("hub", "routes: {}\nnumbers: [1]\n"),
            ("part", "up:\n  filtr: 1\n"),
            ("over", "changes: {numbers: [1, x], urll: 3}\n"),
        )
    )
    data = {"routes": {"up": part.data["up"]}, "numbers": [1, "x"], "urll": 3}
    grafts = {
        ("routes", "up"): Graft(part, ("up",)),
        ("numbers",): Graft(over, ("changes", "numbers")),
        ("urll",): Graft(over, ("changes", "urll")),
    }
    _, found = check(Source("hub", Tree(data, hub.tree.values, hub.tree.keys), grafts), Settings)
    assert [str(problem) for problem in sorted(found)] == [
        "hub:1:1: url: is missing; add it",
        'over:1:24: changes.numbers[1]: is "x"; write a whole number',
        "over:1:28: changes.urll: unknown key; did you mean 'url'?",
        "part:1:1: up.filter: is missing; add it",
        "part:2:3: up.filtr: unknown key; did you mean 'filter'?",
    ]


def test_a_key_that_is_given_a_document_stands_where_it_is_given() -> None:
    hub, part = read("routes:\n  Up: {file: part}\n", "hub"), read("filter: a\n", "part")
    whole = Source("hub", hub.tree, {("routes", "Up"): Graft(part)})
    assert str(whole.problem(("routes", "Up"), "is wrong", at_key=True)) == "hub:2:3: routes.Up: is wrong"
    assert str(whole.problem(("routes", "Up"), "is wrong")) == "part:1:1: is wrong"
    assert str(whole.problem(("routes", "Up", "filter"), "is wrong")) == "part:1:9: filter: is wrong"


def test_a_value_under_a_secret_looking_key_is_never_shown() -> None:
    assert problems("url: a\npassword: hunter2\n") == [
        "<text>:2:11: password: is not as expected (value not shown); write a whole number"
    ]


@pytest.mark.parametrize("text", ["no", "12:30:00", "2024-01-01", "0x", "1_000", "on", "'7'"])
def test_text_stays_text(text: str) -> None:
    assert load(f"url: {text}\n", Settings).url == text.strip("'")


def test_quoting_decides_over_looks() -> None:
    assert load("url: '1'\nnumbers: [0x10, 0o17, +3]\n", Settings).numbers == (16, 15, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("url: &a x\n", "<text>:1:6: anchor &a; write the value out where it is needed"),
        ("url: *a\n", "<text>:1:6: alias *a; write the value out"),
        (
            "url: !!python/object/apply:os.system [id]\n",
            "<text>:1:6: tag tag:yaml.org,2002:python/object/apply:os.system; plain values only",
        ),
        ("url: a\n\tnumbers: [1]\n", "<text>:2:1: a tab; indent with spaces"),
        ("routes:\n\tup: {}\n", "<text>:2:1: a tab; indent with spaces"),
        ("url: @a\n", "<text>:1:6: a character that cannot begin a value; put the value in quotes"),
        ("", "<text>:1:1: is empty"),
        ("# nothing but a comment\n", "<text>:1:1: is empty"),
        ("- a\n", "<text>:1:1: is not a mapping of keys to values"),
        ("just text\n", "<text>:1:1: is not a mapping of keys to values"),
        ("url: a\n---\nurl: b\n", "<text>:2:1: a second document begins here"),
        ("[" * 100_000, "<text>:1:34: nested deeper than 32 levels"),
        ("url: " + "{a: " * 200, "<text>:1:134: nested deeper than 32 levels"),
        ("url: a\nx: \x07\n", "<text>:2:4: a character that YAML does not allow"),
        ("url: '\ud800'\n", "<text>:1:7: a character that YAML does not allow"),
        ("url: [1\nb: 2\n", "<text>:2:2: not YAML: "),
        ("? [a, b]\n: c\n", "<text>:1:3: a list or mapping as a key; use text"),
        ("x" * 1_000_001, "<text>:1:1: larger than 1,000,000 bytes"),
        ("é" * 600_000, "<text>:1:1: larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_plain_yaml_document_is_refused_in_one_line(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_repeated_keys_odd_keys_and_impossible_numbers_are_told_beside_the_rest() -> None:
    found = problems("url: a\nurl: {b: 1}\n1: x\nnumbers: [99999999999999999999, .nan, 1e999]\n")
    assert found[0] == "<text>:2:1: url: key written twice (first in line 1); keep one"
    assert found[1] == "<text>:3:1: 1: the key 1 is not text; put it in quotes"
    assert "<text>:4:11: numbers[0]: a number beyond 64 bits; put it in quotes" in found
    assert "<text>:4:33: numbers[1]: not a finite number; write a number or put it in quotes" in found
    assert "<text>:4:39: numbers[2]: not a finite number; write a number or put it in quotes" in found


def test_a_number_of_a_million_digits_costs_nothing() -> None:
    assert any("beyond 64 bits" in problem for problem in problems("url: a\nnumbers: [" + "9" * 900_000 + "]\n"))


def test_a_byte_order_mark_is_no_part_of_the_document(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfurl: a\n")
    assert load(file, Settings).url == "a"
    assert load("\ufeffurl: a\n", Settings).url == "a"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("url: a".encode("utf-16"), ":1:1: not UTF-8 text; save the file as UTF-8"),
        (b"url: a\nb: \xff\n", ":2:4: not UTF-8 text; save the file as UTF-8"),
        (b"x" * 10_000_000, ":1:1: larger than 1,000,000 bytes; split the document"),
    ],
)
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        load(file, Settings)
    assert str(caught.value) == f"{file}{expected}"


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(DocumentError, match=r"cannot be read: .*; name a file this user may read"):
            load(path, Settings)


def test_a_key_cannot_forge_a_line_of_the_report() -> None:
    found = problems('url: a\n"x\\nforged:1:1: all well": 1\n')
    assert len(found) == 1
    assert "\n" not in found[0]
    assert printable("a\x1b[31m\r\nb") == "a\\x1b[31m\\r\\nb"


def test_the_problems_of_one_document_are_bounded() -> None:
    text = "url: a\n" + "".join(f"key{number}: 1\n" for number in range(5_000))
    assert len(problems(text)) == 500


def test_paths_are_spelled_so_that_they_can_be_found() -> None:
    assert spelled(("a", 0, "b-c", "d.e", 'f"g')) == 'a[0].b-c["d.e"]["f\\"g"]'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", timedelta(days=7)),
        ("1w", timedelta(days=7)),
        ("10m", timedelta(minutes=10)),
        ("3600s", timedelta(hours=1)),
        ("168h0m0s", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("0.5s", timedelta(milliseconds=500)),
        ("250ms", timedelta(milliseconds=250)),
        ("0s", timedelta()),
    ],
)
def test_durations_are_read_with_their_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected
    assert duration(written(expected)) == expected


@pytest.mark.parametrize("value", ["", "7", 7, "7 d", "d", "-1s", "1s1h", "1.5h", "٣s", "9" * 30 + "d", None, "7days"])
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match=r"write a duration|a shorter duration"):
        duration(value)
