"""Every value of an effective document names the line it comes from."""

from collections.abc import Mapping

from director.documents.loading import Blueprint, load_texts
from director.documents.origins import Leaf, leaves

HUB = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air: {file: air.yaml}
deployment_environments:
  production:
    project_id: plant-production
    dataflows:
      air:
        resources:
          topics:
            - name: readings
              message_retention_duration: 31d
"""
AIR = """\
services:
  bridge: {service_account: bridge-sa, config: {a: {b: [1, {c: null}]}}, deployment: {cpu: 2}}
resources:
  topics:
    - name: readings
      message_retention_duration: 1d
      labels: {}
"""


def found(environment: str | None = None) -> Mapping[str, Leaf]:
    blueprint = load_texts({"hub.yaml": HUB, "air.yaml": AIR}, "hub.yaml", environment)
    return {leaf.path: leaf for leaf in leaves(blueprint)}


def test_a_value_names_file_and_line_a_default_that_it_is_one() -> None:
    told = found()
    assert str(told["project_id"]) == 'project_id: "plant-project"  hub.yaml:2'
    assert told["dataflows.air.services.bridge.config.a.b[1].c"].origin == "air.yaml:2"
    assert str(told["dataflows.air.teardown_protection"]) == "dataflows.air.teardown_protection: false  (default)"


def test_a_value_of_an_environment_says_so_and_what_it_only_repeats_is_the_bases() -> None:
    told = found("production")
    assert str(told["project_id"]) == 'project_id: "plant-production"  hub.yaml:9 (environment production)'
    topic = "dataflows.air.resources.topics[0]"
    assert str(told[f"{topic}.message_retention_duration"]).endswith('"31d"  hub.yaml:15 (environment production)')
    assert told[f"{topic}.name"].origin == "air.yaml:5"


def test_values_are_shown_as_they_are_used() -> None:
    told = found()
    assert told["dataflows.air.services.bridge.deployment.cpu"].value == "2"
    assert told["dataflows.air.services.bridge.deployment.cpu"].origin == "air.yaml:2"
    assert told["dataflows.air.resources.topics[0].labels"].value == {}
    assert told["dataflows.air.resources.topics[0].labels"].origin == "air.yaml:7"


def test_json_has_the_same() -> None:
    assert found("production")["project_id"].to_json() == {
        "path": "project_id",
        "value": "plant-production",
        "file": "hub.yaml",
        "line": 9,
        "environment": "production",
    }
    assert found()["labels"].to_json() == {"path": "labels", "value": {}, "default": True, "environment": None}


def test_environments_themselves_are_no_part_of_what_is_used() -> None:
    assert not [path for path in found("production") if "environment" in path and "environment_vars" not in path and
                "secret_environment" not in path]  # fmt: skip


def test_what_looks_like_a_secret_is_never_shown() -> None:
    sound = load_texts({"hub.yaml": HUB, "air.yaml": AIR}, "hub.yaml")
    air = sound.architecture.dataflows["air"]
    bridge = air.services["bridge"].model_copy(update={"config": {"password": "hunter2"}})
    changed = air.model_copy(update={"services": {"bridge": bridge}})
    leaked = Blueprint(sound.architecture.model_copy(update={"dataflows": {"air": changed}}), {}, {})
    shown = "\n".join(str(leaf) for leaf in leaves(leaked))
    assert 'config.password: "(secret)"' in shown
    assert "hunter2" not in shown
