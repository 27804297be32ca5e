"""Documents people write, checked strictly: every problem at once, with file, line, column and path. PUBLIC, light.

    class Settings(Strict):
        url: str
        timeout: Duration = timedelta(seconds=20)

    settings = load(Path("settings.yaml"), Settings)     # YAML; a str is taken as YAML text
    settings = parse(mapping, Settings, source="director")  # data that is parsed already

Both raise DocumentError, whose `.problems` say what is wrong and what to do, and whose str() is one problem a line.
Validation is pydantic's strict mode over JSON values, so tuples take lists and Literals take text.
"""

import copy
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from director.durations import Duration, between, duration, written
from director.positions import Location, Place, Tree, Unreadable, read_text, tree
from director.shapes import known_keys

__all__ = [
    "DocumentError",
    "Duration",
    "Graft",
    "Problem",
    "Source",
    "Strict",
    "between",
    "check",
    "duration",
    "load",
    "parse",
    "parsed",
    "printable",
    "read",
    "secret_name",
    "similar",
    "spelled",
    "written",
]

M = TypeVar("M", bound=BaseModel)
MOST_PROBLEMS = 500
_SECRET_KEY = re.compile(r"passw(or)?d|passphrase|secret|token|credential|private_?key|api_?key", re.IGNORECASE)


class Strict(BaseModel):
    """Base of every document model: unknown keys and converted types are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to change. Line and column count from 1; 0 where the data came without a text."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return printable(f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}")


class DocumentError(ValueError):
    """A document that cannot be used. `problems` holds everything that is wrong with it, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Source:
    """A document as written: its data, and where each part of it stands.

    Parts of a composed document stand elsewhere: `grafts` say where, by the part's location in the whole.
    """

    name: str
    tree: Tree
    grafts: Mapping[Location, "Graft"] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        return self.tree.data

    def at(self, location: Location) -> "Graft":
        """Where what is at `location` was written: the document itself, and the location in that."""
        for length in range(len(location), -1, -1):
            graft = self.grafts.get(location[:length])
            if graft is not None:
                return Graft(graft.source, (*graft.location, *location[length:]))
        return Graft(self, location)

    def faults(self) -> list[Problem]:
        """What could not be taken of the text itself."""
        return [Problem(self.name, *place, spelled(location), why) for location, place, why in self.tree.faults]

    def problem(self, location: Location, message: str, at_key: bool = False) -> Problem:
        """`location` is that in the whole; the problem names the document and the path where it is to be mended."""
        there = self.at(location)
        if at_key and not there.location and location:  # a key stands where it is given a document, not in that
            there = self.at(location[:-1])
            there = Graft(there.source, (*there.location, location[-1]))
        line, column = there.source.place(there.location, at_key)
        return Problem(there.source.name, line, column, spelled(there.location), message)

    def place(self, location: Location, at_key: bool = False) -> Place:
        """Where `location` stands in this very document, or the nearest part around it that does."""
        first, second = (self.tree.keys, self.tree.values) if at_key else (self.tree.values, self.tree.keys)
        for length in range(len(location), -1, -1):
            part = location[:length]
            if part in first or part in second:
                return first.get(part) or second[part]
            first, second = self.tree.keys, self.tree.values
        return (0, 0)


@dataclass(frozen=True, slots=True)
class Graft:
    """A place in a document, from where a part of another was taken."""

    source: Source
    location: Location = ()


def load(path_or_text: Path | str, model: type[M]) -> M:
    """`model` from a YAML file (a Path) or from YAML text (a str). Raises DocumentError."""
    source = read(path_or_text)
    checked, problems = check(source, model)
    if checked is None or problems:
        raise DocumentError(problems)
    return checked


def parse(mapping: Mapping[str, Any], model: type[M], source: str = "configuration") -> M:
    """`model` from data that is parsed already, such as a service's configuration. Raises DocumentError."""
    checked, problems = check(parsed(mapping, source), model)
    if checked is None or problems:
        raise DocumentError(problems)
    return checked


def parsed(mapping: Mapping[str, Any], source: str) -> Source:
    """Data that came without a text, as a document called `source`. It is copied."""
    return Source(source, Tree(copy.deepcopy(dict(mapping))))


def read(path_or_text: Path | str, name: str | None = None) -> Source:
    """The document unchecked; `name` is what problems call it.

    Raises DocumentError where it cannot be read as one YAML document.
    """
    if name is None:
        name = str(path_or_text) if isinstance(path_or_text, Path) else "<text>"
    try:
        text = read_text(path_or_text) if isinstance(path_or_text, Path) else path_or_text
        return Source(name, tree(text))
    except Unreadable as error:
        raise DocumentError([Problem(name, *error.place, "", str(error))]) from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}; name a file this user may read"
        raise DocumentError([Problem(name, 0, 0, "", reason)]) from error


def check(source: Source, model: type[M]) -> tuple[M | None, list[Problem]]:
    """The model where the data fits it, and every problem found; faults of the text come without a model too."""
    problems = source.faults()
    if not isinstance(source.data, dict):
        empty = source.data is None
        return None, [*problems, source.problem((), "is empty" if empty else "is not a mapping of keys to values")]
    try:
        text = json.dumps(source.data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return None, [*problems, source.problem((), f"holds what JSON cannot: {error}")]
    try:
        return model.model_validate_json(text), problems
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems += [_described(detail, source, model) for detail in details[:MOST_PROBLEMS]]
    return None, problems


def spelled(location: Location) -> str:
    """`routes.uplinks.topics[0]`; keys that are no plain words are quoted: `config["a.b"]`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def printable(text: str) -> str:
    """`text` on one line and without control characters, so that it can forge nothing in a log or on a terminal."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def similar(word: str, known: Iterable[str]) -> str:
    """Advice for an unknown word: the nearest known one, else all known ones, else to remove it."""
    choices = sorted(set(known))
    near = difflib.get_close_matches(word[:100], choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(choices)}" if 0 < len(choices) <= 40 else "remove it"


def secret_name(key: str) -> bool:
    """Whether a key sounds like that of a secret: such values are never shown."""
    return _SECRET_KEY.search(key) is not None


def _described(detail: ErrorDetails, source: Source, model: type[BaseModel]) -> Problem:
    location, value = _located(detail["loc"], source.data)
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = known_keys(model, location[:-1])
        if location not in source.grafts:  # what lies over another document may repeat its keys
            known -= _keys(_located(location[:-1], source.data)[1])
        return source.problem(location, f"unknown key; {similar(str(location[-1]), known)}", at_key=True)
    if kind == "missing":
        missing = (*location, str(detail["loc"][-1]))
        return source.problem(missing, "is missing; add it")
    at_key = detail["loc"][-1:] == ("[key]",)
    return source.problem(location, _message(detail, location, value), at_key)


def _located(loc: tuple[int | str, ...], data: Any) -> tuple[Location, Any]:
    """pydantic's location without the names of union branches, which stand in no document, and the value there."""
    location: list[int | str] = []
    for part in loc:
        held = isinstance(part, int) and part < len(data) if isinstance(data, list) else part in _keys(data)
        if held:
            data = data[part]
            location.append(part)
    return tuple(location), data


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


_WANTED = {
    "string_type": "write text (in quotes, if it looks like something else)",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "list_type": "write a list",
    "tuple_type": "write a list",
    "set_type": "write a list",
    "frozen_set_type": "write a list",
    "dict_type": "write a mapping of keys to values",
    "model_type": "write a mapping of keys to values",
    "none_required": "leave it out",
}


def _message(detail: ErrorDetails, location: Location, value: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _WANTED:
        return f"is {_shown(value, location)}; {_WANTED[kind]}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        near = difflib.get_close_matches(str(value), choices, n=1) if isinstance(value, str) else []
        advice = f"did you mean '{near[0]}'?" if near else f"use {context['expected']}"
        return f"is {_shown(value, location)}; {advice}"
    if kind in ("too_long", "too_short"):
        bound = f"at most {context['max_length']}" if kind == "too_long" else f"at least {context['min_length']}"
        return f"has {context['actual_length']} entries; {bound} are allowed"
    if kind == "string_pattern_mismatch":
        return f"is {_shown(value, location)}; must match {context['pattern']}"
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return f"is {_shown(value, location)}; {message.replace('input should', 'it must')}"


def _shown(value: Any, location: Location) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "empty"
    if any(isinstance(part, str) and secret_name(part) for part in location):
        return "not as expected (value not shown)"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
