"""An environment is laid over the base: what merges, what replaces, what is refused, and where it is told."""

from collections.abc import Mapping
from typing import Any

import pytest

from director.documents.loading import Blueprint, load_texts
from director.strict import DocumentError

BASE = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
labels: {team: air}
dataflows:
  air: {file: air.yaml}
"""
AIR = """\
lifecycle: {strategy: permanent, keep_resources_on_test: true}
services:
  bridge:
    service_account: bridge-sa
    config: {broker: {url: mqtt://one, keep_alive: 60}, columns: [{name: a, type: STRING}, {name: b, type: INT64}]}
  archive: {service_account: archive-sa, dependencies: [bridge]}
resources:
  topics:
    - name: readings
      message_retention_duration: 1d
      labels: {kind: data}
      producers: [{name: bridge, lookup: {key: destinations.up}}]
    - {name: other, message_retention_duration: 1d, teardown_protection: true}
  bigquery_datasets: [{name: one}, {name: two}]
  bigquery_tables:
    - {name: rows, dataset: one, schema: [{name: a, type: STRING}]}
    - {name: rows, dataset: two, schema: [{name: a, type: STRING}], deletion_policy: ABANDON}
  bigquery_views:
    - {name: halls, dataset: one, teardown_protection: true, query: "SELECT a FROM `${project_id}.one.rows`"}
  gcs_buckets:
    - name: plant-archive
      lifecycle_rules: [{action: {type: Delete}, condition: {age_in_days: 9}}]
      producers: [{name: archive, lookup: {key: bucket}}]
"""
FLOW = "dataflows: {{air: {}}}"


def texts(environment: str, **more: str) -> dict[str, str]:
    """The base with an environment `production`, whose lines are given."""
    lines = "".join(f"    {line}\n" for line in environment.splitlines())
    return {"hub.yaml": f"{BASE}deployment_environments:\n  production:\n{lines or '    {}'}", "air.yaml": AIR} | more


def production(environment: str) -> Blueprint:
    return load_texts(texts(environment), "hub.yaml", "production")


def problems(environment: str, asked: str | None = "production") -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load_texts(texts(environment), "hub.yaml", asked)
    return [str(problem) for problem in caught.value.problems]


def only(environment: str) -> str:
    (found,) = problems(environment)
    return found


def of_air(blueprint: Blueprint) -> Any:
    return blueprint.architecture.dataflows["air"]


def test_without_one_the_base_is_taken() -> None:
    blueprint = load_texts(texts("project_id: other-project"), "hub.yaml")
    assert (blueprint.environment, blueprint.architecture.project_id) == (None, "plant-project")


def test_root_fields_replace_and_mappings_merge() -> None:
    blueprint = production("project_id: plant-production\nregion: europe-west4\nlocation: US\nlabels: {stage: live}")
    found = blueprint.architecture
    assert blueprint.environment == "production"
    assert (found.project_id, found.region, found.location) == ("plant-production", "europe-west4", "US")
    assert found.labels == {"team": "air", "stage": "live"}


def test_what_follows_from_the_project_follows() -> None:
    blueprint = production("project_id: plant-production")
    assert blueprint.configurations["air", "bridge"].config["destinations"] == {
        "up": "projects/plant-production/topics/readings"
    }
    assert blueprint.configurations["air", "bridge"].environment["PROJECT_ID"] == "plant-production"
    assert of_air(blueprint).resources.bigquery_views[0].query == "SELECT a FROM `plant-production.one.rows`"


def test_configuration_merges_deeply_and_its_named_lists_by_name() -> None:
    more = "{services: {bridge: {config: {broker: {url: mqtts://two}, columns: [{name: b, type: STRING}]}}}}"
    config = of_air(production(FLOW.format(more))).services["bridge"].config
    assert config["broker"] == {"url": "mqtts://two", "keep_alive": 60}
    assert config["columns"] == [{"name": "a", "type": "STRING"}, {"name": "b", "type": "STRING"}]


def test_resources_merge_by_name_and_other_lists_are_replaced() -> None:
    more = """\
dataflows:
  air:
    services: {archive: {dependencies: []}}
    resources:
      topics: [{name: readings, message_retention_duration: 31d, labels: {stage: live}}]
      gcs_buckets: [{name: plant-archive, lifecycle_rules: []}]
"""
    air = of_air(production(more))
    first, second = air.resources.topics
    assert (first.message_retention_duration.days, first.labels) == (31, {"kind": "data", "stage": "live"})
    assert (second.name, first.producers[0].name) == ("other", "bridge")
    assert air.resources.gcs_buckets[0].lifecycle_rules == ()
    assert air.services["archive"].dependencies == ()


def test_null_removes_what_may_be_missing() -> None:
    more = "{resources: {gcs_buckets: [{name: plant-archive, lifecycle_rules: null}], bigquery_views: null}}"
    air = of_air(production(FLOW.format(more)))
    assert (air.resources.gcs_buckets[0].lifecycle_rules, air.resources.bigquery_views) == ((), ())


def test_of_two_with_one_name_it_is_said_which() -> None:
    more = "{resources: {bigquery_tables: [{name: rows, dataset: two, description: live}]}}"
    tables = of_air(production(FLOW.format(more))).resources.bigquery_tables
    assert [table.description for table in tables] == ["", "live"]
    assert "several are called 'rows'; add which: dataset or database" in only(
        FLOW.format("{resources: {bigquery_tables: [{name: rows, description: live}]}}")
    )


HERE = "hub.yaml:10:"
PLACED = "deployment_environments.production"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("projct_id: x", f"5: {PLACED}.projct_id: unknown key; did you mean 'project_id'?"),
        ("project_id: null", f"17: {PLACED}.project_id: is missing; add it"),
        ("location: eu", f"15: {PLACED}.location: unknown location 'eu'; did you mean 'EU'?"),
        ("name: other", f"5: {PLACED}.name: name is the same in all environments; remove it here"),
        ("default_environment: x", f"5: {PLACED}.default_environment: default_environment is the same in all"),
        ("description: null", f"5: {PLACED}.description: there is nothing to remove; remove this line"),
        ("dataflows: {ari: {}}", f"17: {PLACED}.dataflows.ari: no dataflow 'ari' here to change, and an "),
        ("dataflows: {air: {file: x.yaml}}", f"23: {PLACED}.dataflows.air.file: unknown key"),
        (
            FLOW.format("{services: {brigde: {description: x}}}"),
            (
                f"34: {PLACED}.dataflows.air.services.brigde: no service 'brigde' here to change, and an environment "
                "adds none; did you mean 'bridge'?"
            ),
        ),
        (
            FLOW.format("{resources: {topics: [{name: raedings, labels: {a: b}}]}}"),
            f"51: {PLACED}.dataflows.air.resources.topics[0].name: no thing 'raedings' here to change",
        ),
        (
            FLOW.format("{resources: {subscriptions: [{name: new, topic: readings}]}}"),
            f"58: {PLACED}.dataflows.air.resources.subscriptions[0].name: no thing 'new' here to change",
        ),
        (
            FLOW.format("{resources: {topics: [{name: readings, labels: {Kind: x}}]}}"),
            f"70: {PLACED}.dataflows.air.resources.topics[0].labels.Kind: 'Kind' is no label key",
        ),
        (
            FLOW.format("{resources: {topics: [{name: readings, message_retention_duration: 1s}]}}"),
            f"89: {PLACED}.dataflows.air.resources.topics[0].message_retention_duration: is 1s; from 10m to 31d",
        ),
        (
            FLOW.format(
                "{resources: {topics: [{name: readings, producers: [{name: bridge, lookup: {key: broker}}]}]}}"
            ),
            f"102: {PLACED}.dataflows.air.resources.topics[0].producers[0].lookup.key: config of 'bridge': broker is ",
        ),
        (
            FLOW.format("{resources: {topics: [{name: other, labels: {a: b}}, {name: other, labels: {a: c}}]}}"),
            f"82: {PLACED}.dataflows.air.resources.topics[1].name: 'other' is changed here already; make one of both",
        ),
        (
            FLOW.format("{resources: {firestore_ttls: [{collection: a, field: b}]}}"),
            f"35: {PLACED}.dataflows.air.resources.firestore_ttls: no firestore_ttls here to change, and an",
        ),
        ("[1]", f"5: {PLACED}: is a list; write a mapping of keys to values"),
    ],
)
def test_what_is_wrong_is_told_where_the_environment_says_it(environment: str, expected: str) -> None:
    found = [one for one in problems(environment) if not one.endswith("write a mapping of what is different there")]
    assert len(found) == 1
    assert found[0].startswith(HERE + expected)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ("{services: {bridge: {service_account: bridge-sa}}}", "no service 'bridge' here to change"),
        ("{resources: {topics: [{name: readings, message_retention_duration: 1d}]}}", "no thing 'readings' here"),
    ],
)
def test_nothing_is_added_to_a_dataflow_that_has_none_of_it(flow: str, expected: str) -> None:
    more = texts(f"dataflows: {{air: {flow}}}", **{"air.yaml": "description: nothing yet\n"})
    with pytest.raises(DocumentError) as caught:
        load_texts(more, "hub.yaml", "production")
    (problem,) = caught.value.problems
    assert expected in problem.message


def test_what_the_base_has_wrong_is_told_once_and_in_its_own_file() -> None:
    more = texts("project_id: plant-production", **{"air.yaml": AIR.replace("strategy: permanent", "strategy: long")})
    with pytest.raises(DocumentError) as caught:
        load_texts(more, "hub.yaml")
    (problem,) = caught.value.problems
    assert str(problem).startswith('air.yaml:1:23: lifecycle.strategy: is "long"')


def test_every_environment_is_checked_and_says_what_only_it_has_wrong() -> None:
    of_readings = "{resources: {topics: [{name: readings, message_retention_duration: null}]}}"
    (found,) = problems(FLOW.format(of_readings), asked=None)
    assert found.startswith("air.yaml:9:13: resources.topics[0].name: no subscription reads it and it retains nothing")
    assert found.endswith("(in environment production)")


def test_a_query_that_reads_from_the_project_of_the_base_is_told() -> None:
    more = texts("project_id: plant-production", **{"air.yaml": AIR.replace("${project_id}", "plant-project")})
    load_texts({**more, "hub.yaml": BASE}, "hub.yaml")
    with pytest.raises(DocumentError, match=r"air.yaml:19:\d+: .*query: still reads from project 'plant-project'"):
        load_texts(more, "hub.yaml", "production")


@pytest.mark.parametrize(
    ("environment", "at"),
    [
        ("dataflows: {air: {lifecycle: {keep_resources_on_test: false}}}", "lifecycle.keep_resources_on_test"),
        ("dataflows: {air: {lifecycle: null}}", "lifecycle.keep_resources_on_test"),
        (FLOW.format("{resources: {topics: [{name: other, teardown_protection: false}]}}"), "teardown_protection"),
        (FLOW.format("{resources: {topics: [{name: other, teardown_protection: null}]}}"), "teardown_protection"),
        (FLOW.format("{resources: {topics: [{name: readings, deletion_policy: DELETE}]}}"), "deletion_policy"),
        (
            FLOW.format("{resources: {gcs_buckets: [{name: plant-archive, deletion_policy: ABANDON}]}}"),
            "deletion_policy",
        ),
        (
            FLOW.format("{resources: {bigquery_tables: [{name: rows, dataset: two, deletion_policy: DELETE}]}}"),
            "deletion_policy",
        ),
        (
            FLOW.format("{resources: {bigquery_views: [{name: halls, dataset: two, teardown_protection: false}]}}"),
            "teardown_protection",
        ),
    ],
)
def test_protection_is_never_taken_away(environment: str, at: str) -> None:
    found = only(environment)
    assert found.startswith(HERE)
    assert f"{at}: the base has " in found
    assert found.endswith("an environment may add protection and never remove it; remove this, or change the base")


def test_protection_of_the_whole_is_never_taken_away() -> None:
    more = texts("teardown_protection: false")
    guarded = more | {"hub.yaml": more["hub.yaml"].replace("labels:", "teardown_protection: true\nlabels:")}
    with pytest.raises(DocumentError, match="teardown_protection: the base has teardown_protection: true"):
        load_texts(guarded, "hub.yaml")


def test_protection_may_be_added() -> None:
    more = """\
teardown_protection: true
dataflows:
  air:
    teardown_protection: true
    resources:
      topics: [{name: readings, deletion_policy: PREVENT, teardown_protection: true}]
      bigquery_tables: [{name: rows, dataset: two, deletion_policy: PREVENT}]
"""
    blueprint = production(more)
    assert blueprint.architecture.teardown_protection
    assert of_air(blueprint).resources.topics[0].deletion_policy == "PREVENT"


def test_an_ephemeral_environment_of_a_permanent_base_may_say_delete() -> None:
    more = "{lifecycle: {strategy: ephemeral}, resources: {topics: [{name: readings, deletion_policy: DELETE}]}}"
    assert of_air(production(FLOW.format(more))).lifecycle.strategy == "ephemeral"


def test_an_unknown_environment_is_told_with_the_nearest() -> None:
    (found,) = problems("", asked="prodution")
    assert found == "hub.yaml:8:1: deployment_environments: no environment 'prodution' here; did you mean 'production'?"
    with pytest.raises(DocumentError, match="no environment 'x' here; it has none; add it, or ask for none"):
        load_texts({"hub.yaml": BASE, "air.yaml": AIR}, "hub.yaml", "x")


def test_a_document_may_name_its_default() -> None:
    documents = texts("project_id: plant-production")
    documents["hub.yaml"] += "default_environment: production\n"
    assert load_texts(documents, "hub.yaml").environment == "production"
    documents["hub.yaml"] = documents["hub.yaml"].replace("environment: production", "environment: prod")
    with pytest.raises(DocumentError, match="11:22: default_environment: no environment 'prod' here"):
        load_texts(documents, "hub.yaml")


def test_a_base_that_is_never_used_alone_may_leave_things_to_its_environments() -> None:
    documents = texts("project_id: plant-production")
    documents["hub.yaml"] = documents["hub.yaml"].replace("project_id: plant-project\n", "", 1)
    assert load_texts(documents, "hub.yaml", "production").architecture.project_id == "plant-production"
    with pytest.raises(DocumentError, match="project_id: is missing; add it"):
        load_texts(documents, "hub.yaml")
    documents["hub.yaml"] += "  test: {region: europe-west4}\n"
    with pytest.raises(DocumentError, match=r"project_id: is missing; add it \(in environment test\)"):
        load_texts(documents, "hub.yaml", "production")


def test_an_environment_may_begin_its_collection_with_other_documents() -> None:
    collection = "  firestore_collections: [{name: devices, documents_file: base.yaml}]\n"
    more = texts(
        FLOW.format("{resources: {firestore_collections: [{name: devices, documents_file: live/devices.yaml}]}}"),
        **{"air.yaml": AIR + collection, "base.yaml": "d-1: {}\n", "live/devices.yaml": "d-2: {}\n"},
    )
    assert load_texts(more, "hub.yaml").seeds == {("air", "devices"): {"d-1": {}}}
    live = load_texts(more, "hub.yaml", "production")
    assert live.seeds == {("air", "devices"): {"d-2": {}}}
    assert set(live.texts) == set(more)


@pytest.mark.parametrize("asked", [None, "production"])
def test_secrets_in_an_environment_are_refused_and_never_repeated(asked: str | None) -> None:
    found = problems("dataflows: {air: {services: {bridge: {config: {password: s3cr3t}}}}}\nlocation: s3cr3t", asked)
    assert not [one for one in found if "'s3cr3t'" in one and "password" in one]
    assert any("password: a secret does not belong here" in one for one in found)
    assert not any("s3cr3t" in one for one in found)


def test_what_is_of_the_wrong_shape_still_ends_in_problems() -> None:
    odd: Mapping[str, str] = {
        "deployment_environments: 3": "deployment_environments: is 3",
        "deployment_environments: {x: 3}": "x: is 3",
        "deployment_environments: {x: {dataflows: 3}}": "dataflows: is 3",
        "deployment_environments: {x: {dataflows: {air: {resources: {topics: [1, 2]}}}}}": "topics[0]: is 1",
        "deployment_environments: {X: {}}": "X: 'X' is no name",
        "default_environment: [1]": "default_environment: is a list",
    }
    for line, expected in odd.items():
        with pytest.raises(DocumentError) as caught:
            load_texts({"hub.yaml": f"{BASE}{line}\n", "air.yaml": AIR}, "hub.yaml")
        assert expected in str(caught.value)
