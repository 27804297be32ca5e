"""YAML as data that remembers where it was written. Light: PyYAML only.

A narrow YAML on purpose: values are read by YAML 1.2's core rules (`no`, `12:30` and dates stay text), and what makes
YAML dangerous or surprising is refused: aliases, tags, repeated keys, several documents, keys that are not text.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LARGEST_DOCUMENT = 1_000_000  # bytes
DEEPEST_NESTING = 32

Location = tuple[str | int, ...]  # from the root of a document: keys and list positions
Place = tuple[int, int]  # line and column, from 1

_INTEGER = re.compile(r"[-+]?[0-9]+\Z|0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT64 = range(-(1 << 63), 1 << 63)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # events only: nothing is ever constructed from tags


class Unreadable(Exception):
    """The text is no document at all; `place` is where reading stopped."""

    def __init__(self, message: str, place: Place = (1, 1)) -> None:
        super().__init__(message)
        self.place = place


@dataclass(slots=True)
class Tree:
    """Plain data and where its parts are; `faults` are the parts that could not be taken, with the reason."""

    data: Any = None
    values: dict[Location, Place] = field(default_factory=dict)
    keys: dict[Location, Place] = field(default_factory=dict)
    faults: list[tuple[Location, Place, str]] = field(default_factory=list)


def read_text(path: Path) -> str:
    """The file as text, as it is. Raises Unreadable for what is not UTF-8, OSError for what cannot be opened."""
    with path.open("rb") as file:
        content = file.read(LARGEST_DOCUMENT + 1)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(content) > LARGEST_DOCUMENT:
            return " " * len(content)  # cut within a character: let the size be what is wrong
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise Unreadable("not UTF-8 text; save the file as UTF-8", (line, column)) from error


def tree(text: str) -> Tree:
    """Raises Unreadable where the text is not one YAML document of acceptable size and depth."""
    if len(text) > LARGEST_DOCUMENT or len(text.encode(errors="surrogatepass")) > LARGEST_DOCUMENT:
        raise Unreadable(f"larger than {LARGEST_DOCUMENT:,} bytes; split the document")
    try:
        return _Builder(yaml.parse(text.removeprefix("\ufeff"), Loader=_LOADER)).tree()
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark or error.context_mark)
        raise Unreadable(_syntax(error, text, place), place) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise Unreadable("a character that YAML does not allow; remove it", _first_forbidden(text)) from error


def _syntax(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    problem = error.problem or "something is missing"
    line = text.splitlines()[place[0] - 1 : place[0]]
    if "tab" in problem or ("token" in problem and line and line[0][place[1] - 1 :].startswith("\t")):
        return "a tab; indent with spaces"
    if "cannot start any token" in problem:
        return "a character that cannot begin a value; put the value in quotes"
    return f"not YAML: {problem}" + (f" ({error.context})" if error.context else "")


def _first_forbidden(text: str) -> Place:
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    before = text[: found.start()] if found else ""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _place(mark: Any) -> Place:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class _Builder:
    """Builds the tree from parser events: no recursion, so depth costs nothing before it is refused."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._tree = Tree()
        self._open: list[tuple[Location, Any]] = []  # containers being filled, innermost last
        self._key: str | None = None  # the key whose value comes next, in the innermost mapping
        self._documents = 0

    def tree(self) -> Tree:
        for event in self._events:
            self._take(event)
        self._tree.values.setdefault((), (1, 1))
        return self._tree

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unreadable("a second document begins here; keep one document to a file", _place(event.start_mark))
        elif isinstance(event, yaml.AliasEvent):
            raise Unreadable(f"alias *{event.anchor}; write the value out", _place(event.start_mark))
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()

    def _take_node(self, event: Any) -> None:
        place = _place(event.start_mark)
        if event.anchor:
            raise Unreadable(f"anchor &{event.anchor}; write the value out where it is needed", place)
        if event.tag:
            raise Unreadable(f"tag {event.tag}; plain values only", place)
        if self._awaits_key():
            self._take_key(event, place)
        else:
            self._take_value(event, place)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self._key is None

    def _take_key(self, event: Any, place: Place) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable("a list or mapping as a key; use text", place)
        parent, container = self._open[-1]
        location = (*parent, event.value)
        if event.implicit[0] and not isinstance(_scalar(event), str):
            self._tree.faults.append((location, place, f"the key {event.value} is not text; put it in quotes"))
        if event.value in container:
            first = self._tree.keys[location][0]
            self._tree.faults.append((location, place, f"key written twice (first in line {first}); keep one"))
        self._tree.keys.setdefault(location, place)
        self._key = event.value

    def _take_value(self, event: Any, place: Place) -> None:
        location = self._next_location()
        if len(location) > DEEPEST_NESTING:
            raise Unreadable(f"nested deeper than {DEEPEST_NESTING} levels; flatten the document", place)
        self._tree.values.setdefault(location, place)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._checked_scalar(event, location, place)
        else:
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._attach(value)
        if not isinstance(event, yaml.ScalarEvent):
            self._open.append((location, value))

    def _next_location(self) -> Location:
        if not self._open:
            return ()
        parent, container = self._open[-1]
        return (*parent, len(container) if isinstance(container, list) else str(self._key))

    def _attach(self, value: Any) -> None:
        if not self._open:
            self._tree.data = value
        elif isinstance(self._open[-1][1], list):
            self._open[-1][1].append(value)
        else:
            self._open[-1][1].setdefault(self._key, value)
            self._key = None

    def _checked_scalar(self, event: Any, location: Location, place: Place) -> Any:
        value = _scalar(event)
        if isinstance(value, int) and value not in _INT64:
            self._tree.faults.append((location, place, "a number beyond 64 bits; put it in quotes"))
            return 0
        if isinstance(value, float) and not math.isfinite(value):
            self._tree.faults.append((location, place, "not a finite number; write a number or put it in quotes"))
            return 0.0
        return value


def _scalar(event: Any) -> Any:
    text = event.value
    if not event.implicit[0]:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return _integer(text)
    if _NUMBER.match(text):
        return float(text)
    if _NOT_FINITE.match(text):
        return float(text.replace(".", "").lower())
    return text


def _integer(text: str) -> int:
    if len(text) > 30:
        return 1 << 64  # out of range whatever its digits; they are not worth converting
    return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
