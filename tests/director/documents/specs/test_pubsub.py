"""Schemas, topics and ways of delivery as documents write them, and what is refused with what to do."""

from pathlib import Path

import pytest

from director.documents.loading import load
from director.documents.specs.deliveries import BigQueryExport, Push, StorageExport
from director.documents.specs.pubsub import Schema, Topic
from director.strict import DocumentError, Strict, parse

AVRO = '{"type": "record", "name": "R", "fields": []}'
KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


def problem(model: type[Strict], **data: object) -> str:
    with pytest.raises(DocumentError) as refused:
        parse(data, model)
    return str(refused.value)


def test_a_schema_is_avro_or_protocol_buffers() -> None:
    assert parse({"name": "reading", "type": "avro", "definition": AVRO}, Schema).definition == AVRO
    parse({"name": "reading", "type": "protobuf", "definition": 'syntax = "proto3"; message R {}'}, Schema)
    assert "use 'avro' or 'protobuf'" in problem(Schema, name="reading", type="json", definition=AVRO)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"name": "r"}, "'r' is no schema name; use 3-255 letters"),
        ({"name": "google-1"}, "begins with 'goog'"),
        ({"definition": "{"}, "is no Avro schema, which is JSON"),
        ({"definition": '"' + "x" * 300_000 + '"'}, "larger than Pub/Sub's 300,000 bytes"),
        ({"labels": {"a": "b"}}, "labels: unknown key"),
    ],
)
def test_what_is_no_schema_is_refused(data: dict[str, object], told: str) -> None:
    assert told in problem(Schema, **{"name": "reading", "type": "avro", "definition": AVRO, **data})


def test_a_topic_may_say_how_messages_look_lie_and_are_encrypted() -> None:
    settings = {"schema": "reading", "encoding": "binary", "first_revision_id": "0a1b2c3d"}
    policy = {"allowed_persistence_regions": ["europe-west1"], "enforce_in_transit": True}
    data = {"name": "readings", "schema_settings": settings, "kms_key_name": KEY, "message_storage_policy": policy}
    topic = parse(data, Topic)
    assert topic.schema_settings is not None
    assert (topic.schema_settings.schema_name, topic.schema_settings.last_revision_id) == ("reading", None)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"schema_settings": {"schema": "reading"}}, "encoding: is missing"),
        ({"schema_settings": {"schema": "reading", "encoding": "JSON"}}, "use 'json' or 'binary'"),
        ({"schema_settings": {"schema": "s", "encoding": "json", "first_revision_id": "1"}}, "must match"),
        ({"kms_key_name": "key"}, "use projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version"),
        ({"kms_key_name": f"{KEY}/cryptoKeyVersions/1"}, "without a version"),
        ({"message_storage_policy": {"allowed_persistence_regions": []}}, "at least 1"),
        ({"message_storage_policy": {"allowed_persistence_regions": ["europe-west0"]}}, "unknown region"),
        (
            {"message_storage_policy": {"allowed_persistence_regions": ["us-east1", "us-east1"]}},
            "names a region twice",
        ),
    ],
)
def test_what_no_topic_can_have_is_refused(data: dict[str, object], told: str) -> None:
    assert told in problem(Topic, **{"name": "readings", **data})


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        (BigQueryExport, {"table": "t", "use_table_schema": True, "use_topic_schema": True}, "takes one of them"),
        (BigQueryExport, {"table": "t", "service_account_email": "writer"}, "must match"),
        (StorageExport, {"bucket": "b", "use_topic_schema": True}, "text files follow no schema; use format avro"),
        (StorageExport, {"bucket": "b", "max_messages": 10}, "greater than or equal to 1000"),
        (StorageExport, {"bucket": "b", "filename_datetime_format": "YYYY-MM-DD"}, "needs hh, exactly once"),
        (StorageExport, {"bucket": "b", "filename_datetime_format": "YYYY MM DD hh mm ss"}, "has other parts than"),
        (StorageExport, {"bucket": "b", "filename_datetime_format": "YYYYMMDDThhTmmss"}, "may have T once only"),
        (Push, {"endpoint": "https://e.com", "attributes": {"x-other": "v1"}}, "x-goog-version"),
        (Push, {"endpoint": "https://e.com", "no_wrapper": {"metadata": True}}, "did you mean 'write_metadata'?"),
    ],
)
def test_what_pub_sub_cannot_deliver_so_is_refused(model: type[Strict], data: dict[str, object], told: str) -> None:
    assert told in problem(model, **data)


def test_every_field_of_a_delivery_may_be_said() -> None:
    account = "writer@p.iam.gserviceaccount.com"
    rows = {"table": "t", "use_topic_schema": True, "drop_unknown_fields": True, "service_account_email": account}
    assert parse(rows, BigQueryExport).service_account_email == account
    dated = "YYYY/MM/DD/hh_mm_ssZ"
    files = {"bucket": "b", "format": "avro", "use_topic_schema": True, "filename_datetime_format": dated}
    assert parse({**files, "max_messages": 1000}, StorageExport).filename_datetime_format == dated
    assert parse({"endpoint": "https://e.com", "no_wrapper": {}}, Push).no_wrapper is not None


DOCUMENT = f"""\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air:
    resources:
      schemas:
        - {{name: reading, type: avro, definition: '{AVRO}'}}
      topics:
        - name: readings
          schema_settings: {{schema: reading, encoding: json}}
      subscriptions:
        - name: readings-rows
          topic: readings
          bigquery: {{table: rows, use_topic_schema: true}}
      bigquery_datasets: [{{name: telemetry}}]
      bigquery_tables: [{{name: rows, dataset: telemetry, schema: [{{name: a, type: INT64}}]}}]
"""


def loaded(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(text)
    load(file)


@pytest.mark.parametrize("schema", ["schema: reading,", "schema: projects/other/schemas/anything,"])
def test_a_topic_names_a_schema_of_its_dataflow_or_any_in_full(tmp_path: Path, schema: str) -> None:
    loaded(tmp_path, DOCUMENT.replace("schema: reading,", schema))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schema: reading,", "schema: raeding,", "no schema 'raeding' here; did you mean 'reading'?"),
        (
            "          schema_settings: {schema: reading, encoding: json}\n",
            "",
            "use_topic_schema: topic 'readings' has no schema; add schema_settings there or remove it",
        ),
    ],
)
def test_a_schema_that_is_not_there_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(DocumentError) as refused:
        loaded(tmp_path, DOCUMENT.replace(old, new))
    assert told in str(refused.value)
