"""The OpenAPI document says what the door does, and the door does what the document says."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from director.rest.limits import Buckets
from director.rest.route import ARGUMENT
from director.rest.routes import ROUTES
from tests.director.rest.conftest import Door

SOME = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)  # fmt: skip
NAMES = st.sampled_from(["air", "water", "fire", "bridge", "pump", "op-0", "x", "AIR", "..", "a" * 64])
FIELDS = st.sampled_from(
    [
        "hub",
        "files",
        "comment",
        "version",
        "from",
        "to",
        "wait",
        "plan_hash",
        "service",
        "resource",
        "purpose",
        "confirmed",
        "page_size",
        "page_token",
        "timeout",
        "state",
        "x",
    ]
)
GOOD = st.sampled_from(
    ["0" * 64, "bridge", "apply", "teardown", "topics/readings", "running", "air", "1", ["readings"]]
)


def test_every_route_is_in_the_document_and_nothing_else(door: Door) -> None:
    document = door.as_("viewer").get("/v1/openapi.json").json
    described = {(path, method.upper()) for path, each in document["paths"].items() for method in each}
    assert described == {(route.address, route.method) for route in ROUTES}
    for route in ROUTES:
        operation = document["paths"][route.address][route.method.lower()]
        assert operation["x-action"] == route.action
        assert (operation.get("security") == []) == (route.action == "open")


def test_the_document_is_openapi_3_1_whose_schemas_are_schemas_and_whose_references_lead_somewhere(door: Door) -> None:
    document = door.as_("viewer").get("/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in document["components"]["schemas"]
    for path, each in document["paths"].items():
        for operation in each.values():
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
    ids = [operation["operationId"] for each in document["paths"].values() for operation in each.values()]
    assert len(set(ids)) == len(ids)


class Contract:
    """Checks answers against the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def check(self, path: str, method: str, response: Any) -> None:
        operation = self._document["paths"][path][method]
        declared = operation["responses"]
        status = str(response.status_code)
        assert status in declared, f"{method} {path} answered {status}: {response.text}"
        assert response.status_code < 500, response.text
        content = declared[status].get("content", {})
        kinds = {kind.partition(";")[0] for kind in content}
        assert response.mimetype in kinds
        [media] = content.values()
        if "json" in response.mimetype:
            schema = {**media["schema"], "components": self._document["components"]}
            jsonschema_rs.validate(schema, json.loads(response.text))


def calls() -> st.SearchStrategy[dict[str, Any]]:
    """Requests right and wrong in every part."""
    fields = st.dictionaries(FIELDS, st.one_of(GOOD, SOME), max_size=3)
    return st.fixed_dictionaries(
        {
            "route": st.sampled_from([route for route in ROUTES if route.path != "/v1/events"]),
            "names": st.tuples(NAMES, NAMES, NAMES),
            "query": st.dictionaries(FIELDS, st.one_of(st.text(max_size=8), st.just("1")), max_size=2),
            "body": st.one_of(fields, SOME),
            "headers": st.dictionaries(
                st.sampled_from(["If-Match", "If-None-Match"]), st.sampled_from(['"1"', '"2"', "*", 'W/"1"', '"x', ","])
            ),
        }
    )


@pytest.mark.parametrize("safety", [{"limits": Buckets(1e6, 1e6)}])
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(call=calls())
def test_whatever_is_sent_the_answer_is_a_declared_one(door: Door, call: dict[str, Any]) -> None:
    """Never a 5xx, never a status, media type or member that the document does not have."""
    root = door.as_("root")
    contract = Contract(root.get("/v1/openapi.json").json)
    route = call["route"]
    values = dict(zip(("dataflow", "service", "operation"), call["names"], strict=True))
    address = ARGUMENT.sub(lambda found: values.get(found[2], "1"), route.path)
    body = json.dumps(call["body"], allow_nan=True) if route.method == "POST" else None
    response = root.open(
        address, method=route.method, data=body, query_string=call["query"], content_type="application/json",
        headers=call["headers"],
    )  # fmt: skip
    path = route.address
    if response.status_code == 404 and ".." in address:
        return  # no address of ours, once it is straightened
    contract.check(path, route.method.lower(), response)


def test_good_calls_are_answered_as_declared(door: Door) -> None:
    root = door.as_("root")
    contract = Contract(root.get("/v1/openapi.json").json)
    done = root.post("/v1/dataflows/air:apply").json["operation"]
    back = root.post("/v1/dataflows/air:plan", json={"purpose": "rollback"}).json["hash"]
    goodbye = root.post("/v1/dataflows/air:plan", json={"purpose": "teardown"}).json["hash"]
    values = {"dataflow": "air", "service": "bridge", "operation": done, "version": "1"}
    now = door.renewal.versions.contents(1)
    hub = now.texts[now.hub].replace("Readings of the air.", "Readings.")
    bodies: dict[str, Any] = {
        "POST /v1/dataflows/{dataflow}:teardown": {"plan_hash": goodbye},
        "POST /v1/dataflows/{dataflow}:rollback": {"plan_hash": back},
        "POST /v1/architecture": {"hub": now.hub, "files": {**now.texts, now.hub: hub}},
        "POST /v1/architecture:rollback": {"version": 1},
    }
    for route in ROUTES:
        if route.path == "/v1/events":
            continue
        address = ARGUMENT.sub(lambda found: values[found[2]], route.path)
        body = bodies.get(route.name, {}) if route.method == "POST" else None
        known = {"If-Match": '"1"' if route.path == "/v1/architecture" else '"2"'}
        response = root.open(address, method=route.method, json=body, headers=known)
        assert response.status_code == 200, response.text
        contract.check(route.address, route.method.lower(), response)
    begun = root.post("/v1/dataflows/air:apply", headers={"Prefer": "respond-async"})
    assert begun.status_code == 202
    contract.check("/v1/dataflows/{dataflow}:apply", "post", begun)


def test_a_call_that_is_refused_without_if_match_declares_that_it_has_to_be_there(door: Door) -> None:
    paths = door.as_("root").get("/v1/openapi.json").json["paths"]
    for route in (route for route in ROUTES if route.guarded):
        parameters = paths[route.address][route.method.lower()]["parameters"]
        assert {"If-Match": True}.items() <= {one["name"]: one["required"] for one in parameters}.items()
