"""What callers send, read strictly: size, type, depth, keys, and then the model, every mistake with its pointer."""

import json
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected

from director.rest.problems import BadInput, Mistake
from director.safety.untrusted import LARGEST, Unreadable, json_object
from director.strict import Strict

M = TypeVar("M", bound=BaseModel)


class Nothing(Strict):
    """An empty object, or no body at all."""


def body_of(request: Request, model: type[M], largest: int = LARGEST) -> M:
    """Raises BadInput, 408 where the rest does not come, and 413 for too much."""
    request.max_content_length = largest
    try:
        text = request.get_data(cache=False)
        request.stream.read(1)  # a body in chunks is merely cut at the limit; reading on past it raises 413
    except (OSError, ClientDisconnected) as error:
        late = Mistake(pointer="", message="the rest of the body did not come in time; send it again, faster")
        raise BadInput([late], 408, "too_late") from error
    if not text:
        return _checked({}, model)
    if request.mimetype != "application/json":
        raise BadInput([Mistake(pointer="", message="send application/json")], 415, "unsupported_media_type")
    return _checked(parsed(text), model)


def query_of(query: "MultiDict[str, str]", model: type[M]) -> M:
    """Raises BadInput; for parameters nobody knows or that come twice as well."""
    twice = [name for name, values in query.lists() if len(values) > 1]
    if twice:
        raise BadInput([Mistake(pointer=name, message="given twice; give it once") for name in twice])
    try:
        return model.model_validate_strings(query.to_dict())
    except ValidationError as error:
        raise BadInput([_mistake(one, "") for one in error.errors(include_url=False)]) from error


def parsed(text: bytes) -> dict[str, Any]:
    """Raises BadInput."""
    try:
        return json_object(text)
    except Unreadable as error:
        raise BadInput([Mistake(pointer="", message=f"the body {error}")]) from error


def _checked(document: dict[str, Any], model: type[M]) -> M:
    try:
        return model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise BadInput([_mistake(one, "/") for one in error.errors(include_url=False)]) from error


def _mistake(detail: ErrorDetails, mark: str) -> Mistake:
    place = "".join(mark + _escaped(str(part)) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Mistake(pointer=place, message="unknown field; remove it")
    if detail["type"] == "missing":
        return Mistake(pointer=place, message="is missing; add it")
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Mistake(pointer=place, message=message.removeprefix("value error, "))


def _escaped(part: str) -> str:
    return part[:64].replace("~", "~0").replace("/", "~1")
