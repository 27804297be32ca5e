"""Where each value of an effective architecture comes from: a line of a file, or a default of its kind."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from director.documents.environments import DEFAULT, ENVIRONMENTS
from director.documents.inline_secrets import inline_secrets
from director.documents.loading import HIDDEN, Blueprint
from director.positions import Location
from director.strict import Source, spelled, written


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value and its place; line 0 where nobody wrote it."""

    path: str
    value: Any
    file: str = ""
    line: int = 0
    environment: str | None = None

    @property
    def origin(self) -> str:
        if not self.line:
            return "(default)"
        said = f" (environment {self.environment})" if self.environment else ""
        return f"{self.file}:{self.line}{said}"

    def to_json(self) -> dict[str, Any]:
        where = {"file": self.file, "line": self.line} if self.line else {"default": True}
        return {"path": self.path, "value": self.value, **where, "environment": self.environment}

    def __str__(self) -> str:
        return f"{self.path}: {json.dumps(self.value, ensure_ascii=False)}  {self.origin}"


def leaves(blueprint: Blueprint) -> Iterator[Leaf]:
    """Every value of the document as it is used, in the order of the model. What looks like a secret is not shown."""
    whole = blueprint.architecture.model_dump(by_alias=True)
    effective = _plain({key: value for key, value in whole.items() if key not in (DEFAULT, ENVIRONMENTS)})
    secret = {location for location, _ in inline_secrets(effective)}
    for location, value in _walked((), effective):
        shown = HIDDEN if location in secret else value
        yield _placed(location, shown, blueprint)


def _plain(value: Any) -> Any:
    """As people write it."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return written(value) if isinstance(value, timedelta) else value


def _walked(location: Location, value: Any) -> Iterator[tuple[Location, Any]]:
    if not isinstance(value, dict | list) or not value:
        yield location, value
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in parts:
        yield from _walked((*location, key), inner)


def _placed(location: Location, value: Any, blueprint: Blueprint) -> Leaf:
    source = blueprint.source
    if source is None or not _is_written(location, source):
        return Leaf(spelled(location), value)
    there = source.at(location)
    line, _ = there.source.place(there.location)
    of_environment = there.location[:1] == (ENVIRONMENTS,)
    return Leaf(spelled(location), value, there.source.name, line, blueprint.environment if of_environment else None)


def _is_written(location: Location, source: Source) -> bool:
    """Whether the document has it, or a single value from which the model has made it."""
    data = source.data
    for part in location:
        held = part in range(len(data)) if isinstance(data, list) else isinstance(data, dict) and part in data
        if not held:
            return data is not None and not isinstance(data, dict | list)
        data = data[part]
    return True
