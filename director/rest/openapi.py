"""The OpenAPI 3.1 document of the door, made from its routes and from the models of what they take and answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from director.operations.model import Operation
from director.rest.problems import MEDIA_TYPE as PROBLEM
from director.rest.problems import Problem
from director.rest.route import ARGUMENT, ARGUMENTS, Route

VERSION = "1"
_ABOUT = (
    "Plans, applies, verifies and tears down dataflows, and gives services their configuration. "
    "What is foreign to a caller and what does not exist are the same 404."
)
_WHY = {
    304: "the same as If-None-Match has it",
    400: "the request cannot be understood; problems says why",
    401: "no identity, or none that is known",
    403: "not allowed to this identity",
    404: "not there, or not the caller's to know of",
    408: "the rest of the body did not come",
    409: "not as wanted, busy, moved since the plan, or an Idempotency-Key used before; code says which",
    412: "another version is current than If-Match names",
    413: "the body is too large",
    414: "the address is too long",
    415: "the body is not application/json",
    422: "the documents cannot be used; problems says why",
    428: "say with If-Match which version is known as current",
    429: "too many requests; see Retry-After",
    502: "Google refuses",
    503: "not now; see Retry-After",
}
Schema = dict[str, Any]


def document(routes: Iterable[Route]) -> Schema:
    """As JSON's types."""
    routes = tuple(routes)
    models = {model for route in routes for model in (route.answer, route.takes) if isinstance(model, type)}
    modes = [(model, "serialization") for model in (*models, Problem, Operation)]
    named, schemas = models_json_schema(
        sorted(set(modes), key=lambda one: one[0].__name__),  # type: ignore[arg-type]
        ref_template="#/components/schemas/{model}",
    )
    references: dict[Any, Schema] = {model: schema for (model, _), schema in named.items()}
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.address, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "director", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "an ID token of Google's made out to this director, or an API key",
                }
            },
        },
    }


def _operation(route: Route, references: Mapping[Any, Schema]) -> Schema:
    found: Schema = {
        "operationId": f"{route.method.lower()} {route.address}",
        "summary": route.summary,
        "x-action": route.action,
        "parameters": [*_in_path(route), *_in_query(route), *_in_headers(route)],
        "responses": _responses(route, references),
    }
    if route.action == "open":
        found["security"] = []
    if route.takes:
        content = {"application/json": {"schema": references[route.takes]}}
        found["requestBody"] = {"required": _required(route.takes), "content": content}
    return found


def _required(body: type[BaseModel]) -> bool:
    return any(field.is_required() for field in body.model_fields.values())


def _in_path(route: Route) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{ARGUMENTS[kind]}$"},
        }
        for kind, name in ARGUMENT.findall(route.path)
    ]


def _in_query(route: Route) -> list[Schema]:
    properties = route.query.model_json_schema().get("properties", {})
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _in_headers(route: Route) -> list[Schema]:
    found: dict[str, Schema] = {}
    if route.etag:
        found["If-None-Match"] = {"type": "string"}
    if route.guarded:
        found["If-Match"] = {"type": "string", "examples": ['"7"']}
    if route.begins:
        found["Idempotency-Key"] = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
        found["Prefer"] = {"type": "string", "examples": ["respond-async"]}
    if route.answer == "text/event-stream":
        found["Last-Event-ID"] = {"type": "string"}
    wanted = {"If-Match"}  # 428 without
    return [
        {"name": name, "in": "header", "schema": schema, "required": name in wanted} for name, schema in found.items()
    ]


def _responses(route: Route, references: Mapping[Any, Schema]) -> Schema:
    found: Schema = {"200": {"description": "done", "content": _content(route, references)}}
    if route.begins:
        operation = {"application/json": {"schema": references[Operation]}}
        location = {"Location": {"schema": {"type": "string"}}}
        found["202"] = {"description": "begun; ask for the operation", "content": operation, "headers": location}
    if route.etag:
        found["304"] = {"description": _WHY[304]}
    if route.etag or route.guarded:
        found["200"]["headers"] = {"ETag": {"schema": {"type": "string"}}}
    for status in _refusals(route):
        problem: Schema = {"description": _WHY[status], "content": {PROBLEM: {"schema": references[Problem]}}}
        if status in (429, 503):
            problem["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
        found[str(status)] = problem
    return found


def _content(route: Route, references: Mapping[Any, Schema]) -> Schema:
    if not isinstance(route.answer, str):
        return {"application/json": {"schema": references[route.answer]}}
    kind = "object" if route.answer == "application/json" else "string"
    return {route.answer: {"schema": {"type": kind}}}


def _refusals(route: Route) -> list[int]:
    found = {400, 414, *route.refusals}
    if route.action != "open":
        found |= {401, 403, 429, 503}
    if route.path != route.address:
        found.add(404)
    if route.guarded:
        found |= {412, 428}
    if route.takes:
        found |= {408, 413, 415}
    return sorted(found)
