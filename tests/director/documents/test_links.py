"""Links with the method env tell services the names of their resources by variables."""

from collections.abc import Mapping
from typing import Any

import pytest

from director.documents.drafts import Draft
from director.documents.links import named_after
from director.documents.loading import load_texts
from director.strict import DocumentError

DOCUMENT = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air:
    services:
      job: {service_account: job-sa, deployment: {environment_vars: {LEVEL: info}, secret_environment_vars: []}}
    resources:
      topics:
        - {name: raw-data, producer_service: {name: job, lookup: {method: env}}}
        - {name: news, message_retention_duration: 1d, consumers: [{name: job, lookup: {method: env, key: NEWS}}]}
      subscriptions:
        - {name: raw.data-job, topic: raw-data, consumer_service: {name: job, lookup: {method: env}}}
      bigquery_datasets: [{name: telemetry}]
      bigquery_tables:
        - name: rows
          dataset: telemetry
          schema: [{name: a, type: STRING}]
          producers: [{name: job, lookup: {method: env}}]
          consumers: [{name: job, lookup: {method: env}}, {name: job, lookup: {method: yaml, key: rows.table}}]
      bigquery_views:
        - name: halls
          dataset: telemetry
          query: SELECT a FROM telemetry.rows
          consumers: [{name: job, lookup: {method: env}}]
      gcs_buckets:
        - name: plant-archive
          producers: [{name: job, lookup: {method: env}}]
          consumers: [{name: job, lookup: {method: db, key: bucket}}]
      firestore_collections:
        - {name: devices, consumers: [{name: job, lookup: {method: env}}]}
"""


def told(document: str) -> Mapping[str, str]:
    return load_texts({"hub.yaml": document}, "hub.yaml").configurations["air", "job"].environment


def problem(old: str, new: str) -> str:
    assert old in DOCUMENT
    with pytest.raises(DocumentError) as caught:
        load_texts({"hub.yaml": DOCUMENT.replace(old, new)}, "hub.yaml")
    (found,) = caught.value.problems
    return str(found)


def test_each_link_gives_a_variable_with_the_full_name() -> None:
    assert told(DOCUMENT) == {
        "PROJECT_ID": "plant-project",
        "DATAFLOW_NAME": "air",
        "SERVICE_NAME": "job",
        "LEVEL": "info",
        "RAW_DATA_TOPIC_ID": "projects/plant-project/topics/raw-data",
        "NEWS": "projects/plant-project/topics/news",
        "RAW_DATA_JOB_SUB_ID": "projects/plant-project/subscriptions/raw.data-job",
        "ROWS_WRITE_TABLE": "plant-project.telemetry.rows",
        "ROWS_READ_TABLE": "plant-project.telemetry.rows",
        "HALLS_READ_TABLE": "plant-project.telemetry.halls",
        "PLANT_ARCHIVE_WRITE_BUCKET": "plant-archive",
        "DEVICES_READ_COLLECTION": "devices",
    }


def test_the_configuration_has_the_links_of_the_other_methods_alone() -> None:
    configuration = load_texts({"hub.yaml": DOCUMENT}, "hub.yaml").configurations["air", "job"]
    assert configuration.config == {"rows": {"table": "plant-project.telemetry.rows"}, "bucket": "plant-archive"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "key: NEWS",
            "key: RAW_DATA_TOPIC_ID",
            (
                "key: environment of 'job': RAW_DATA_TOPIC_ID is to hold 'projects/plant-project/topics/news', but has "
                "another value already; keep one"
            ),
        ),
        ("key: NEWS", "key: PROJECT_ID", "PROJECT_ID is to hold 'projects/plant-project/topics/news', but has another"),
        ("key: NEWS", "key: a-b", "lookup.key: 'a-b' is no variable name; use letters, digits and '_'"),
        (
            "{LEVEL: info}",
            "{SERVICE_NAME: x}",
            "environment_vars.SERVICE_NAME: environment of 'job': SERVICE_NAME is to",
        ),
        ("{LEVEL: info}", "{NEWS: x}", "lookup.key: environment of 'job': NEWS is to hold 'projects/"),
        (
            "secret_environment_vars: []",
            "secret_environment_vars: [{name: NEWS, value_from: s}]",
            "secret_environment_vars[0].name: environment of 'job': NEWS has another value already, which is no secret",
        ),
        ("lookup: {method: yaml, key: rows.table}", "lookup: {}", "lookup: has no key; add it, such as key: dest"),
        ("method: db, key: bucket", "method: db, key: a..b", "lookup.key: 'a..b' is no configuration key"),
        ("method: db", "method: bd", "lookup.method: is \"bd\"; use 'env', 'yaml' or 'db'"),
    ],
)
def test_what_cannot_be_told_is_a_problem_at_its_link(old: str, new: str, expected: str) -> None:
    assert expected in problem(old, new)


def test_a_resource_without_a_variable_of_its_own_needs_a_key() -> None:
    secrets = "      secrets: [{name: token, consumers: [{name: job, lookup: {method: env}}]}]\n"
    with pytest.raises(DocumentError, match="this resource has no variable of its own; add key: A_VARIABLE"):
        told(DOCUMENT + secrets)
    with_key = secrets.replace("method: env", "method: env, key: WHERE")
    assert told(DOCUMENT + with_key)["WHERE"] == "projects/plant-project/secrets/token/versions/latest"


@pytest.mark.parametrize(
    ("kind", "name", "at", "expected"),
    [
        ("topics", "a.b~c", "producers", "A_B_C_TOPIC_ID"),
        ("gcs_buckets", "1-archive", "producers", ""),
        ("firestore_collections", "devices", "producers", "DEVICES_WRITE_COLLECTION"),
        ("gcs_buckets", "a", "consumers", "A_READ_BUCKET"),
        ("queues", "a", "consumers", ""),
    ],
)
def test_a_variable_is_named_after_the_resource_where_that_makes_a_legal_name(
    kind: str, name: str, at: Any, expected: str
) -> None:
    assert named_after(kind, name, Draft({}, ("x", at, 0))) == expected
