"""A suffix renames every resource and every reference to one, and nothing else."""

import re
from textwrap import dedent, indent
from typing import Any

import pytest

from director import keys
from director.documents.kinds import kinds
from director.documents.loading import load_texts
from director.documents.suffixes import REFERENCES, unsuffixed
from director.strict import DocumentError

DOCUMENT = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
service_manager_spec:
  command_topic: {name: commands}
  completion_topic: {name: completions}
dataflows:
  air:
    services:
      bridge:
        service_account: bridge-sa
        config: {topic: readings, keep: telemetry}
        deployment: {secret_environment_vars: [{name: A, value_from: made}, {name: B, value_from: found}]}
    resources:
      schemas: [{name: reading, type: avro, definition: '{"type": "record", "name": "R", "fields": []}'}]
      topics:
        - name: readings
          schema_settings: {schema: reading, encoding: json}
          labels: {topic: readings}
          producers: [{name: bridge, lookup: {method: env}}]
          iam_access_policy:
            - {name: bridge, role: roles/pubsub.viewer}
            - {name: other-sa, role: roles/pubsub.viewer, type: service-account}
            - {name: extra-sa, role: roles/pubsub.viewer, type: service-account}
        - {name: dead, message_retention_duration: 1d}
        - {name: commands, message_retention_duration: 1d}
        - {name: completions, message_retention_duration: 1d}
      subscriptions:
        - name: readings-rows
          topic: readings
          filter: 'NOT hasPrefix(attributes."retry.to", "readings/")
            OR attributes."retry.to" = "readings/readings-rows"'
          dead_letter_policy: {topic: dead, max_delivery_attempts: 5}
          bigquery: {table: telemetry.rows}
        - name: readings-files
          topic: readings
          ack_deadline_seconds: 300
          cloud_storage: {bucket: plant-archive}
        - name: commands-director
          topic: commands
          dead_letter_policy: {topic: dead, max_delivery_attempts: 5}
      bigquery_datasets: [{name: telemetry}]
      bigquery_tables:
        - {name: rows, dataset: telemetry, schema: [{name: data, type: STRING}, {name: readings, type: STRING}]}
      bigquery_views:
        - {name: once, dataset: telemetry, deduplicate: {table: telemetry.rows, key: [data], order_by: [data]}}
        - {name: all, dataset: telemetry, query: "SELECT telemetry FROM `p.telemetry.rows`, telemetry.y"}
      gcs_buckets: [{name: plant-archive}]
      firestore_databases: [{name: register}]
      firestore_collections:
        - {name: devices, database: register, invalidation_topic: dead, documents_file: devices.yaml}
      firestore_indexes:
        - {collection: devices, database: register, fields: [{name: a, order: ASCENDING}, {name: b, order: ASCENDING}]}
      firestore_ttls: [{collection: devices, database: register, field: at}]
      cloud_scheduler_jobs:
        - {name: nightly, schedule: 0 3 * * *, topic: commands, data: x}
        - {name: weekly, schedule: 0 3 * * 1, target_service: bridge}
      secrets: [{name: made, create: true}, {name: found}]
      service_accounts: [{name: extra-sa}, {name: weekly-sa}]
"""
TEXTS = {"hub.yaml": f"name_suffix: test\n{DOCUMENT}", "devices.yaml": "d-1: {}\n"}


@pytest.fixture(scope="module")
def air() -> Any:
    return load_texts(TEXTS, "hub.yaml").architecture.dataflows["air"]


def test_the_architecture_has_it_so_that_what_it_owns_is_its_own() -> None:
    assert load_texts(TEXTS, "hub.yaml").architecture.name == "plant-test"


def test_every_resource_has_it_legally(air: Any) -> None:
    named = {
        kind: [one.name for one in getattr(air.resources, kind) if hasattr(one, "name")]
        for kind in kinds()
        if getattr(air.resources, kind)
    }
    assert named == {
        "schemas": ["reading-test"],
        "topics": ["readings-test", "dead-test", "commands-test", "completions-test"],
        "subscriptions": ["readings-rows-test", "readings-files-test", "commands-director-test"],
        "bigquery_datasets": ["telemetry_test"],
        "bigquery_tables": ["rows"],
        "bigquery_views": ["once", "all"],
        "gcs_buckets": ["plant-archive-test"],
        "firestore_databases": ["register-test"],
        "firestore_collections": ["devices-test"],
        "firestore_indexes": [],
        "firestore_ttls": [],
        "cloud_scheduler_jobs": ["nightly-test", "weekly-test"],
        "secrets": ["made-test", "found"],
        "service_accounts": ["extra-sa-test", "weekly-sa-test"],
    }


def test_references_follow(air: Any) -> None:
    resources = air.resources
    rows, files, _ = resources.subscriptions
    assert (rows.topic, rows.dead_letter_policy.topic, rows.bigquery.table) == (
        "readings-test",
        "dead-test",
        "telemetry_test.rows",
    )
    assert files.cloud_storage.bucket == "plant-archive-test"
    assert resources.topics[0].schema_settings.model_dump(by_alias=True)["schema"] == "reading-test"
    assert resources.bigquery_tables[0].dataset == "telemetry_test"
    assert resources.bigquery_views[0].deduplicate.table == "telemetry_test.rows"
    (collection,), (index,), (ttl,) = (
        resources.firestore_collections,
        resources.firestore_indexes,
        resources.firestore_ttls,
    )
    assert (collection.database, collection.invalidation_topic) == ("register-test", "dead-test")
    assert (index.collection, index.database) == (ttl.collection, ttl.database) == ("devices-test", "register-test")
    nightly, weekly = resources.cloud_scheduler_jobs
    assert (nightly.topic, weekly.caller) == ("commands-test", "weekly-sa-test")
    assert air.services["bridge"].service_account == "bridge-sa-test"
    assert [one.value_from for one in air.services["bridge"].deployment.secret_environment_vars] == [
        "made-test",
        "found",
    ]


def test_text_that_names_resources_follows_where_it_is_ours(air: Any) -> None:
    assert air.resources.subscriptions[0].filter == (
        'NOT hasPrefix(attributes."retry.to", "readings-test/") '
        'OR attributes."retry.to" = "readings-test/readings-rows-test"'
    )
    assert air.resources.bigquery_views[1].query == ("SELECT telemetry FROM `p.telemetry_test.rows`, telemetry.y")


def test_what_is_free_or_somebody_elses_stays(air: Any) -> None:
    (topic, *_), (table,) = air.resources.topics, air.resources.bigquery_tables
    assert topic.labels == {"topic": "readings"}
    assert air.services["bridge"].config == {"topic": "readings", "keep": "telemetry"}
    assert [column.name for column in table.columns] == ["data", "readings"]
    assert [access.name for access in topic.iam_access_policy] == ["bridge", "other-sa", "extra-sa-test"]


def test_the_directors_own_topics_follow() -> None:
    spec = load_texts(TEXTS, "hub.yaml").architecture.service_manager_spec
    assert spec is not None
    assert (spec.command_topic.name, spec.completion_topic.name) == ("commands-test", "completions-test")
    assert spec.subscription == "commands-director-test"


def test_services_and_seeds_are_told_the_other_names_by_the_same_keys() -> None:
    blueprint = load_texts(TEXTS, "hub.yaml")
    told = blueprint.configurations["air", "bridge"].environment
    assert told["READINGS_TOPIC_ID"] == "projects/plant-project/topics/readings-test"
    assert set(blueprint.seeds) == {("air", "devices-test")}


@pytest.mark.parametrize("suffix", ["Test", "a-b", "a_b", "''", "x" * 21])
def test_only_what_is_legal_in_every_name_is_a_suffix(suffix: str) -> None:
    with pytest.raises(DocumentError, match="is no suffix of names; use 1-20 lower-case letters and digits"):
        load_texts(TEXTS | {"hub.yaml": f"name_suffix: {suffix}\n{DOCUMENT}"}, "hub.yaml")


def test_a_name_that_becomes_too_long_is_told_where_it_is_written() -> None:
    text = TEXTS["hub.yaml"].replace("name: extra-sa", "name: an-account-of-many-letters")
    with pytest.raises(
        DocumentError, match=r"service_accounts\[0\].name: 'an-account-of-many-letters-test' is no service"
    ):
        load_texts(TEXTS | {"hub.yaml": text}, "hub.yaml")


def test_documents_of_odd_shapes_still_end_in_problems() -> None:
    for odd in ("dataflows: 3", "dataflows: {air: {resources: {topics: [1, {name: [x]}]}, services: [2]}}"):
        text = f"name_suffix: test\nservice_manager_spec: 7\n{odd}\n"
        with pytest.raises(DocumentError, match=re.escape("name: is missing")):
            load_texts({"hub.yaml": text}, "hub.yaml")


def test_every_kind_that_is_referred_to_is_one() -> None:
    assert set(REFERENCES.values()) <= set(kinds())


@pytest.mark.parametrize(
    ("kind", "name", "suffix", "expected"),
    [
        (keys.TOPICS, "a-test", "test", "a"),
        (keys.TOPICS, "a_test-test", "test", "a_test"),
        (keys.TOPICS, "a-test", None, "a-test"),
        (keys.TOPICS, "a", "test", "a"),
        (keys.DATASETS, "a_test", "test", "a"),
        (keys.TABLES, "a_test", "test", "a_test"),
        (keys.VIEWS, "a-test", "test", "a-test"),
    ],
)
def test_a_name_without_its_suffix_is_the_one_in_the_document(
    kind: str, name: str, suffix: str | None, expected: str
) -> None:
    assert unsuffixed(name, suffix, kind) == expected


PLAIN = """\
name: plant
name_suffix: test
project_id: plant-project
region: europe-west1
location: EU
"""


def of_flow(resources: str) -> Any:
    text = f"{PLAIN}dataflows:\n  air:\n    services: {{bridge: {{service_account: bridge-sa}}}}\n    resources:\n"
    return load_texts({"hub.yaml": text + indent(dedent(resources), " " * 6)}, "hub.yaml")


def test_variables_are_called_the_same_also_where_a_name_ends_like_the_suffix() -> None:
    blueprint = of_flow("""
        topics:
          - {name: data_test, message_retention_duration: 1d, producers: [{name: bridge, lookup: {method: env}}]}
        bigquery_datasets: [{name: telemetry}]
        bigquery_tables:
          - name: events_test
            dataset: telemetry
            schema: [{name: a, type: STRING}]
            producers: [{name: bridge, lookup: {method: env}}]
    """)
    told = blueprint.configurations["air", "bridge"].environment
    assert told["DATA_TEST_TOPIC_ID"] == "projects/plant-project/topics/data_test-test"
    assert told["EVENTS_TEST_WRITE_TABLE"] == "plant-project.telemetry_test.events_test"


def test_a_filter_that_only_reads_like_an_address_stays() -> None:
    written = 'attributes.path = "readings/raw"'
    resources = f"""
        topics: [{{name: readings}}]
        subscriptions: [{{name: all, topic: readings, filter: '{written}'}}]
    """
    assert of_flow(resources).architecture.dataflows["air"].resources.subscriptions[0].filter == written


def test_datasets_whose_names_begin_alike_are_renamed_once() -> None:
    blueprint = of_flow("""
        bigquery_datasets: [{name: telemetry}, {name: telemetry_test}]
        bigquery_tables:
          - {name: rows, dataset: telemetry, schema: [{name: a, type: STRING}]}
          - {name: rows, dataset: telemetry_test, schema: [{name: a, type: STRING}]}
        bigquery_views:
          - {name: both, dataset: telemetry, query: SELECT * FROM telemetry.rows JOIN telemetry_test.rows USING (a)}
    """)
    (view,) = blueprint.architecture.dataflows["air"].resources.bigquery_views
    assert view.query == "SELECT * FROM telemetry_test.rows JOIN telemetry_test_test.rows USING (a)"


def test_conditions_of_alerts_are_in_a_language_of_their_own() -> None:
    query = 'rows{table="telemetry.rows"} > 1'
    blueprint = of_flow(f"""
        bigquery_datasets: [{{name: telemetry}}]
        bigquery_tables: [{{name: rows, dataset: telemetry, schema: [{{name: a, type: STRING}}]}}]
        alert_policies: [{{name: many, conditions: [{{name: many, promql: {{query: '{query}'}}}}]}}]
    """)
    (policy,) = blueprint.architecture.dataflows["air"].resources.alert_policies
    assert policy.conditions[0].promql is not None
    assert policy.conditions[0].promql.query == query


@pytest.mark.parametrize("name", ["metadata", "config", "parameters", "labels"])
def test_what_dataflows_and_services_are_called_changes_nothing(name: str) -> None:
    text = f"""{PLAIN}dataflows:
  {name}:
    services: {{{name}: {{service_account: bridge-sa}}}}
    resources: {{topics: [{{name: readings, message_retention_duration: 1d}}]}}
"""
    flow = load_texts({"hub.yaml": text}, "hub.yaml").architecture.dataflows[name]
    assert flow.resources.topics[0].name == "readings-test"
    assert flow.services[name].service_account == "bridge-sa-test"


def test_programs_use_the_other_buckets_and_secrets() -> None:
    text = TEXTS["hub.yaml"].replace(
        "      schemas:",
        """\
      dataflow_jobs:
        - name: enrichment
          service: bridge
          template: gs://plant-templates/enrichment.json
          temp_location: gs://plant-archive/temp
          staging_location: gs://of-others/staging
      cloud_run_jobs:
        - name: tidy
          service: bridge
          image: example.com/tidy:1
          secret_env: {A: projects/p/secrets/made, B: projects/p/secrets/found}
      schemas:""",
    )
    resources = load_texts({**TEXTS, "hub.yaml": text}, "hub.yaml").architecture.dataflows["air"].resources
    [job] = resources.dataflow_jobs
    assert (job.temp_location, job.staging_location) == ("gs://plant-archive-test/temp", "gs://of-others/staging")
    assert resources.cloud_run_jobs[0].secret_env == {
        "A": "projects/p/secrets/made-test",
        "B": "projects/p/secrets/found",
    }
