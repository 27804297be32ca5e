"""The JSON Schemas that editors check and complete with: of a hub, and of a file that holds one dataflow."""

import copy
from typing import Any

from director.documents import model
from director.documents.environments import ENVIRONMENTS, OWN_TO_THE_BASE
from director.shapes import Schema, json_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CHANGED = "Changed"  # the ending of definitions that are laid over others
_FILE: Schema = {
    "description": "The dataflow stands in a file of its own: its path, relative to this document.",
    "type": "object",
    "properties": {"file": {"type": "string", "minLength": 1}},
    "required": ["file"],
    "additionalProperties": False,
}


def hub() -> Schema:
    """Of an architecture, with dataflows in it or in files, and with its environments."""
    schema = _whole()
    flows = schema["properties"]["dataflows"]
    dataflow = flows["additionalProperties"]
    changed = {key: value for key, value in schema["properties"].items() if key not in OWN_TO_THE_BASE}
    layers = _Layers(schema["$defs"])
    environment = {
        "title": "Environment",
        "description": "What is different there; null removes.",
        "type": "object",
        "properties": {key: layers.over(value) for key, value in changed.items()},
        "additionalProperties": False,
    }
    schema["$defs"] |= layers.made | {"Environment": environment}
    flows["additionalProperties"] = {"anyOf": [dataflow, _FILE]}
    schema["properties"][ENVIRONMENTS]["additionalProperties"] = {"$ref": "#/$defs/Environment"}
    return schema


def dataflow() -> Schema:
    """Of what a hub's `file` holds."""
    whole = _whole()
    reference = whole["properties"]["dataflows"]["additionalProperties"]
    own: Schema = whole["$defs"][_name(reference)]
    return {"$schema": DIALECT, "$defs": whole["$defs"], **own}


def _whole() -> Schema:
    return {"$schema": DIALECT, **copy.deepcopy(json_schema(model.architecture()))}


class _Layers:
    """Makes of each definition another one for what is laid over it: nothing is needed there, and null removes."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self.made: dict[str, Schema] = {}

    def over(self, schema: Schema) -> Schema:
        return {"anyOf": [self._inside(schema), {"type": "null"}]}

    def _inside(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            return {"$ref": f"#/$defs/{self._changed(_name(schema))}"}
        changed = {key: value for key, value in schema.items() if key not in ("default", "minItems", "minProperties")}
        for key in ("anyOf", "oneOf"):
            if key in schema:
                changed[key] = [self._inside(branch) for branch in schema[key]]
        if isinstance(schema.get("additionalProperties"), dict):
            changed["additionalProperties"] = self.over(schema["additionalProperties"])
        if self._named(schema.get("items")):
            changed["items"] = self._inside(schema["items"])
        return changed

    def _changed(self, name: str) -> str:
        made, definition = f"{name}{_CHANGED}", self._definitions[name]
        if made not in self.made and "properties" in definition:
            self.made[made] = {}  # it may hold itself
            rest = {key: value for key, value in definition.items() if key != "required"}
            parts = {key: self.over(part) for key, part in definition["properties"].items()}
            if self._named({"$ref": f"#/$defs/{name}"}):
                rest["required"], parts["name"] = ["name"], definition["properties"]["name"]
            self.made[made] = {**rest, "properties": parts}
        return made if made in self.made else name

    def _named(self, items: Any) -> bool:
        """Whether things in a list have a name they are merged by; else the list is replaced by another whole one."""
        if not isinstance(items, dict) or "$ref" not in items:
            return False
        return "name" in self._definitions[_name(items)].get("required", ())


def _name(reference: Schema) -> str:
    return str(reference["$ref"].rpartition("/")[2])
