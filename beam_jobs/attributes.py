"""Serialised messages read as a protobuf and a dict of all their attributes.

A protobuf map turns into a dict slowly, name by name. Messages of a stream mostly have the same names, so those of a
message with as many attributes are tried first, all in one call, which takes half the time.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from bridge import envelope

_Names = tuple[list[str], Callable[[Any], tuple[str, ...]]]
_known: dict[int, _Names] = {}


def read(raw: bytes) -> tuple[Any, dict[str, str]]:
    """A serialised `PubsubMessage` and its attributes. Raises google.protobuf.message.DecodeError."""
    message = envelope.parse(raw)
    attributes = message.attributes
    count = len(attributes)
    known = _known.get(count)
    if known is not None:
        names, values_of = known
        values = values_of(attributes)
        if len(attributes) == count:  # a name that is not there would have been added by asking for it
            return message, dict(zip(names, values, strict=False))
        message = envelope.parse(raw)
    return message, _learnt(message.attributes)


def _learnt(attributes: Any) -> dict[str, str]:
    made = dict(attributes)
    if len(made) > 1:  # of one name, itemgetter gives no tuple
        _known[len(made)] = list(made), itemgetter(*made)
    return made
