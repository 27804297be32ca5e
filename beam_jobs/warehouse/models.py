"""Columns made of a dataclass or pydantic model: its annotations are types, its nested models are flattened."""

import dataclasses
import enum
import importlib
import sys
import types
from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from beam_jobs.warehouse.proposal import ENVELOPE, Names, Proposed
from director.strict import DocumentError, Problem

_TYPES = {
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    str: "STRING",
    bytes: "BYTES",
    Decimal: "NUMERIC",
    datetime: "TIMESTAMP",
    date: "DATE",
    time: "TIME",
}


class _Member(NamedTuple):
    key: str
    annotation: Any
    required: bool


def load(name: str) -> type:
    """The class `module:Class`, searched from here on as `python -m` would. Raises DocumentError."""
    module, _, path = name.partition(":")
    try:
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise _problem(name, f"cannot be loaded: {error}; write module:Class") from error
    if not _is_model(found):
        raise _problem(name, "is neither a dataclass nor a pydantic model")
    return found  # type: ignore[no-any-return]


def from_model(model: type, envelope: bool = True) -> list[Proposed]:
    """Columns of a payload that follows `model`. Raises DocumentError for a model that holds itself."""
    given = ENVELOPE if envelope else ()
    names = Names(one.name for one in given)
    return [*given, *_columns(model, (), True, names, (model,))]


def _columns(
    model: type, path: tuple[str, ...], required: bool, names: Names, within: tuple[type, ...]
) -> Iterator[Proposed]:
    for member in _members(model):
        annotation, optional = _without_none(member.annotation)
        needed = required and member.required and not optional
        place = (*path, member.key)
        if _is_model(annotation):
            if annotation in within:
                raise _problem(
                    model.__name__, f"{'.'.join(place)} holds the model again; make it a JSON column by hand"
                )
            yield from _columns(annotation, place, needed, names, (*within, annotation))
            continue
        kind, repeated, remark = _type(annotation)
        mode = "REPEATED" if repeated else "REQUIRED" if needed else "NULLABLE"
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in place)
        yield Proposed(names.of(place), kind, mode, ("pointer", pointer), remark)


def _members(model: Any) -> list[_Member]:
    if issubclass(model, BaseModel):
        return [
            _Member(_alias(name, info), info.annotation, info.is_required())
            for name, info in model.model_fields.items()
        ]
    hints = get_type_hints(model, include_extras=True)
    return [_Member(one.name, hints[one.name], _required(one)) for one in dataclasses.fields(model)]


def _alias(name: str, info: Any) -> str:
    alias = info.validation_alias or info.alias
    return alias if isinstance(alias, str) else name


def _required(one: Any) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """An annotation without Annotated and None, and whether None was in it."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not types.NoneType]
        if len(rest) == 1:
            return _without_none(rest[0])[0], len(rest) < len(get_args(annotation))
        return Any, True
    return annotation, False


def _type(annotation: Any) -> tuple[str, bool, str]:
    """Type, whether it repeats, and a remark where JSON has to do."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        kinds = {_scalar(type(one)) for one in parts}
        return kinds.pop() or "STRING" if len(kinds) == 1 else "STRING", False, ""
    if isinstance(origin, type) and issubclass(origin, Collection) and not issubclass(origin, dict) and parts:
        inner = _scalar(_without_none(parts[0])[0])
        same = len(set(parts) - {Ellipsis}) == 1
        return (inner, True, "") if inner and same else ("JSON", False, f"a {origin.__name__} of other than one type")
    kind = _scalar(annotation)
    return (kind, False, "") if kind else ("JSON", False, f"from {getattr(annotation, '__name__', annotation)}")


def _scalar(annotation: Any) -> str | None:
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, enum.Enum):
        kinds = {_scalar(type(one.value)) for one in annotation}
        return kinds.pop() if len(kinds) == 1 else "STRING"
    return next((kind for base, kind in _TYPES.items() if base in annotation.__mro__), None)


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, BaseModel))


def _problem(name: str, message: str) -> DocumentError:
    return DocumentError([Problem(name, 0, 0, "", message)])
