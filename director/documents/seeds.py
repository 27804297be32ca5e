"""The documents a Firestore collection begins with, from a YAML file that names ids and their documents."""

from collections.abc import Iterator, Mapping
from typing import Any

from director.names import firestore_id
from director.positions import Location
from director.strict import DocumentError, Source

DEEPEST_DOCUMENT = 20  # Firestore's limit on maps and lists within each other

Documents = Mapping[str, Mapping[str, Any]]


def documents(source: Source) -> Documents:
    """Raises DocumentError with everything that Firestore would not take."""
    problems = [source.problem(location, message, at_key) for location, message, at_key in _findings(source)]
    problems += source.faults()
    if problems:
        raise DocumentError(problems)
    return source.data  # type: ignore[no-any-return]


def _findings(source: Source) -> Iterator[tuple[Location, str, bool]]:
    if not isinstance(source.data, dict):
        yield (), "is not a mapping of document ids to documents", False
        return
    for name, document in source.data.items():
        try:
            firestore_id(name)
        except ValueError as error:
            yield (name,), str(error), True
        if isinstance(document, dict):
            yield from _in_value((name,), document)
        else:
            yield (name,), "is no document; write a mapping of fields to values", False


def _in_value(location: Location, value: Any) -> Iterator[tuple[Location, str, bool]]:
    if len(location) > DEEPEST_DOCUMENT:
        yield location, f"lies deeper than Firestore's {DEEPEST_DOCUMENT} levels; flatten the document", False
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not name or (name.startswith("__") and name.endswith("__")):
                yield (*location, name), "is no field name that Firestore takes; rename it", True
            yield from _in_value((*location, name), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, list):
                yield (*location, index), "a list directly in a list, which Firestore refuses; use a mapping", False
            yield from _in_value((*location, index), inner)
