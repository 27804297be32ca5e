"""Kinds of text that documents of several packages hold, each checked where it is written. PUBLIC, light."""

import re
from typing import Annotated

from pydantic import AfterValidator

__all__ = ["Pointer", "PubsubTopic", "pointer_parts"]

_POINTER = re.compile(r"(/([^~/]|~[01])*)*", re.DOTALL)


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """The keys and list positions that a JSON pointer (RFC 6901) names; none for the whole document."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _pointer(text: str) -> str:
    if not _POINTER.fullmatch(text):
        raise ValueError(f"{text!r} is no JSON pointer (RFC 6901): begin with '/', such as /data/temp; write ~ as ~0")
    return text


def _pubsub_topic(text: str) -> str:
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "topics" or not parts[1] or not parts[3]:
        raise ValueError(f"{text!r} is no Pub/Sub topic: write projects/PROJECT/topics/TOPIC")
    return text


Pointer = Annotated[str, AfterValidator(_pointer)]
PubsubTopic = Annotated[str, AfterValidator(_pubsub_topic)]
