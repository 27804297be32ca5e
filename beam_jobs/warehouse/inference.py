"""Columns inferred from sample payloads: types merged over all of them, nested objects flattened by pointer. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from beam_jobs.warehouse.proposal import ENVELOPE, Names, Proposed

DEEPEST = 6  # levels of objects that become columns of their own; below, an object is one JSON column
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SCALARS = {bool: "BOOL", int: "INT64", float: "FLOAT64", str: "STRING"}
_OBJECT, _LIST = "object", "list"
Path = tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What was seen at one place: how often each type, each type of list elements, and nulls."""

    kinds: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    nulls: int = 0


def infer(documents: Sequence[Any], envelope: bool = True) -> list[Proposed]:
    """Columns for `documents`, those of the envelope first."""
    seen: dict[Path, _Seen] = {}
    for document in documents:
        _look(document, (), seen)
    given = ENVELOPE if envelope else ()
    names = Names(one.name for one in given)
    return [*given, *(_proposed(path, one, names, len(documents)) for path, one in _columns(seen))]


def _look(value: Any, path: Path, seen: dict[Path, _Seen]) -> None:
    one = seen.setdefault(path, _Seen())
    if value is None:
        one.nulls += 1
    elif isinstance(value, dict):
        one.kinds[_OBJECT] += 1
        if len(path) < DEEPEST:
            for key, member in value.items():
                _look(member, (*path, key), seen)
    elif isinstance(value, list):
        one.kinds[_LIST] += 1
        one.elements.update(_kind(member) for member in value)
    else:
        one.kinds[_kind(value)] += 1


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return _text_kind(value)
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        return "NUMERIC"
    return _SCALARS.get(type(value), _OBJECT if isinstance(value, dict) else _LIST if value is not None else "null")


def _text_kind(text: str) -> str:
    try:
        if _TIME.fullmatch(text):
            datetime.fromisoformat(text)
            return "TIMESTAMP"
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return "DATE"
    except ValueError:  # digits that are no time
        return "STRING"
    return "STRING"


def _columns(seen: Mapping[Path, _Seen]) -> Iterable[tuple[Path, _Seen]]:
    """Places that become columns: those without members of their own, or where not only objects were seen."""
    whole: list[Path] = []
    for path, one in seen.items():
        if any(path[: len(each)] == each for each in whole):
            continue
        parents = set(one.kinds) == {_OBJECT} and 0 < len(path) + 1 <= DEEPEST
        if parents and any(len(other) > len(path) and other[: len(path)] == path for other in seen):
            continue
        whole.append(path)
        yield path, one


def _proposed(path: Path, one: _Seen, names: Names, samples: int) -> Proposed:
    kind, mode, remark = _type(one)
    there = sum(one.kinds.values())
    often = "" if there == samples else f"in {there} of {samples} samples"
    comment = "; ".join(part for part in (remark, often) if part)
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return Proposed(names.of(path), kind, mode, ("pointer", pointer), comment)


def _type(one: _Seen) -> tuple[str, str, str]:
    kinds = set(one.kinds)
    if not kinds:
        return "STRING", "NULLABLE", "only null was seen"
    if kinds == {_LIST}:
        return _list_type(one)
    if kinds == {_OBJECT}:
        return "JSON", "NULLABLE", "an object"
    kind = merged(kinds)
    return kind or "JSON", "NULLABLE", "" if len(kinds) == 1 else f"seen as {_spelled(one.kinds)}"


def _list_type(one: _Seen) -> tuple[str, str, str]:
    kinds = set(one.elements)
    if not kinds:
        return "JSON", "NULLABLE", "only empty lists were seen"
    kind = merged(kinds)
    if kind is None or (kind == "STRING" and len(kinds) > 1 and not kinds <= {"STRING", "TIMESTAMP", "DATE"}):
        return "JSON", "NULLABLE", f"a list of {_spelled(one.elements)}"
    return kind, "REPEATED", ""


def merged(kinds: set[str]) -> str | None:
    """One type for all of `kinds`; None where only JSON holds them."""
    if kinds & {_OBJECT, _LIST, "null"}:
        return None
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= {"INT64", "FLOAT64", "NUMERIC"}:
        return "FLOAT64" if "FLOAT64" in kinds else "NUMERIC"
    return "STRING"


def _spelled(kinds: Counter[str]) -> str:
    return " and ".join(sorted(kinds))
