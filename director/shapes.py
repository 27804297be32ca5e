"""The JSON Schema of a model, and what keys it knows at a place of its document. Light."""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from director.durations import written
from director.positions import Location

Schema = dict[str, Any]


class _InOurWords(GenerateJsonSchema):
    """Defaults as people would write them."""

    def encode_default(self, dft: Any) -> Any:
        return written(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@lru_cache(maxsize=32)
def json_schema(model: type[BaseModel]) -> Schema:
    """The JSON Schema that editors check documents with."""
    return model.model_json_schema(schema_generator=_InOurWords)


def known_keys(model: type[BaseModel], location: Location) -> set[str]:
    """Empty where any key may be written."""
    root = json_schema(model)
    places = _branches(root, root)
    for part in location:
        places = [inner for place in places for inner in _inside(place, part, root)]
    return {key for place in places for key in place.get("properties", {})}


def _inside(place: Schema, part: str | int, root: Schema) -> list[Schema]:
    if isinstance(part, int):
        inner = place.get("items")
    else:
        inner = place.get("properties", {}).get(part, place.get("additionalProperties"))
    return _branches(inner, root) if isinstance(inner, dict) else []


def _branches(place: Schema, root: Schema) -> list[Schema]:
    """The object or list schemas behind references and alternatives."""
    if "$ref" in place:
        return _branches(root["$defs"][place["$ref"].rpartition("/")[2]], root)
    alternatives = [branch for key in ("anyOf", "oneOf", "allOf") for branch in place.get(key, [])]
    return [place, *(found for branch in alternatives for found in _branches(branch, root))]
