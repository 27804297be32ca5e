"""An architecture is taken whole or not at all, and then with everything that is wrong with it."""

from pathlib import Path

import pytest

from director.documents import inline_secrets
from director.documents.loading import load
from director.strict import DocumentError

PROJECT_RULE = "use 6-30 lower-case letters, digits and '-', beginning with a letter and not ending with '-'"
BUCKET_RULE = "use 3-63 lower-case letters, digits, '-' and '_', beginning and ending with a letter or digit"
EXAMPLE = Path(__file__).parents[3] / "examples" / "environment" / "architecture.yaml"
SOUND = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air:
    services:
      bridge: {service_account: bridge-sa, config: {routes: {up: {filter: a/#}}}}
      archive: {service_account: archive-sa, dependencies: [bridge]}
    resources:
      topics:
        - name: readings
          producers: [{name: bridge, lookup: {key: destinations.up}}]
      subscriptions:
        - name: readings-archive
          topic: readings
          consumer_service: {name: archive, lookup: {key: subscription}}
      gcs_buckets:
        - name: plant-archive
          producers: [{name: archive, lookup: {key: bucket}}]
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "architecture.yaml"
    file.write_text(text)
    return file


def problems(folder: Path, text: str) -> list[str]:
    file = write(folder, text)
    with pytest.raises(DocumentError) as caught:
        load(file)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def only_problem(folder: Path, old: str, new: str) -> str:
    assert old in SOUND
    found = problems(folder, SOUND.replace(old, new))
    assert len(found) == 1, found
    return found[0].removeprefix("architecture.yaml:")


def test_the_example_is_sound() -> None:
    blueprint = load(EXAMPLE)
    assert set(blueprint.architecture.dataflows) == {"environment"}
    assert "device-0001" in blueprint.seeds["environment", "devices"]


def test_every_problem_of_every_sort_is_told_at_once(tmp_path: Path) -> None:
    text = """\
name: Plant
project_id: p
region: europe-west99
location: EU
dataflows:
  air:
    lifecycel: {strategy: permanent}
    services:
      bridge:
        service_account: bridge-sa
        dependencies: [enrichmnet]
        config:
          broker: {password: hunter2}
          topic: projects/p/topics/other
      enrichment: {service_account: enrichment-sa}
    resources:
      topics:
        - name: goog-readings
        - name: readings
          message_retention_duration: 40d
          producers:
            - {name: brigde, lookup: {key: topic}}
            - {name: bridge, lookup: {key: topic}}
        - name: readings
          message_retention_duration: 1d
      subscriptions:
        - name: 1st
          topic: raedings
          ack_deadline_seconds: '20'
          dead_letter_policy: {topic: readings, max_delivery_attempts: 3}
      bigquery_tables:
        - name: rows
          dataset: telemetry
          schema: [{name: a, type: STRNIG}, {name: _table_x, type: JSON}]
      gcs_buckets:
        - {name: My_Bucket, location: Europe}
      firestore_collections:
        - {name: devices, documents_file: ../devices.yaml}
"""
    at = "architecture.yaml:"
    air = "dataflows.air"
    made = f"{air}.resources"
    assert problems(tmp_path, text) == [
        f"{at}{line}"
        for line in (
            "1:7: name: 'Plant' is no name; use 1-63 lower-case letters, digits and '-', beginning with a letter",
            f"2:13: project_id: 'p' is no project id; {PROJECT_RULE}",
            "3:9: region: unknown region 'europe-west99'; did you mean 'europe-west9'?",
            f"7:5: {air}.lifecycel: unknown key; did you mean 'lifecycle'?",
            f"11:24: {air}.services.bridge.dependencies[0]: no service 'enrichmnet' here; did you mean 'enrichment'?",
            f"13:30: {air}.services.bridge.config.broker.password: {inline_secrets.ADVICE}",
            (
                f"18:17: {made}.topics[0].name: 'goog-readings' begins with 'goog', which Google keeps for itself; "
                "use another name"
            ),
            (
                f"18:17: {made}.topics[0].name: no subscription reads it and it retains nothing: messages are lost; "
                "add one of the two"
            ),
            f"20:39: {made}.topics[1].message_retention_duration: is 40d; from 10m to 31d is allowed",
            f"22:22: {made}.topics[1].producers[0].name: no service 'brigde' here; did you mean 'bridge'?",
            (
                f"23:44: {made}.topics[1].producers[1].lookup.key: config of 'bridge': topic is to hold "
                "'projects/p/topics/readings', but has another value already; keep one"
            ),
            f"24:17: {made}.topics[2].name: 'readings' is declared already; keep one",
            (
                f"27:17: {made}.subscriptions[0].name: '1st' is no subscription name; "
                "use 3-255 letters, digits and any of -._~+%, beginning with a letter"
            ),
            f"28:18: {made}.subscriptions[0].topic: no topic 'raedings' here; did you mean 'readings'?",
            f'29:33: {made}.subscriptions[0].ack_deadline_seconds: is "20"; write a whole number',
            (
                f"30:72: {made}.subscriptions[0].dead_letter_policy.max_delivery_attempts: "
                "is 3; it must be greater than or equal to 5"
            ),
            f"33:20: {made}.bigquery_tables[0].dataset: no dataset 'telemetry' here; add it",
            f"34:36: {made}.bigquery_tables[0].schema[0].type: is \"STRNIG\"; did you mean 'STRING'?",
            (
                f"34:52: {made}.bigquery_tables[0].schema[1].name: '_table_x' begins like one of BigQuery's own "
                "columns; use another name"
            ),
            f"36:18: {made}.gcs_buckets[0].name: 'My_Bucket' is no bucket name; {BUCKET_RULE}",
            (
                f"36:39: {made}.gcs_buckets[0].location: unknown location 'Europe'; "
                "write a region such as europe-west1, or EU or US"
            ),
            (
                f"38:43: {made}.firestore_collections[0].documents_file: leads out of this document's folder; "
                "name a file inside it"
            ),
        )
    ]


def test_one_name_belongs_to_one_dataflow(tmp_path: Path) -> None:
    second = """\
  water:
    resources:
      topics: [{name: readings, message_retention_duration: 1d}]
"""
    assert problems(tmp_path, SOUND + second) == [
        (
            "architecture.yaml:23:23: dataflows.water.resources.topics[0].name: "
            "'readings' is declared already by dataflow 'air'; keep one"
        )
    ]


def test_a_circle_of_dependencies_is_told_at_each_of_its_links(tmp_path: Path) -> None:
    text = SOUND.replace("{service_account: bridge-sa,", "{service_account: bridge-sa, dependencies: [archive],")
    assert [problem.split(": ", 2)[2] for problem in problems(tmp_path, text)] == [
        "'archive' waits for 'bridge' in turn; remove one dependency of the circle",
        "'bridge' waits for 'archive' in turn; remove one dependency of the circle",
    ]


def test_a_topic_that_nobody_reads_and_that_keeps_nothing_would_lose_messages(tmp_path: Path) -> None:
    assert "messages are lost" in only_problem(tmp_path, "      topics:\n", "      topics:\n        - {name: unread}\n")


def test_dead_letters_may_not_come_back_to_their_own_subscription(tmp_path: Path) -> None:
    policy = "topic: readings\n          dead_letter_policy: {topic: readings, max_delivery_attempts: 5}\n"
    assert only_problem(tmp_path, "topic: readings\n", policy).endswith(
        "dead letters would come back to this subscription; use another topic"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: plant-archive", "name: google-archive", "resembles Google's own names"),
        ("name: plant-archive", "name: 10.0.0.1", "is no bucket name"),
        ("name: readings-archive", "name: ab", "is no subscription name"),
        ("service_account: archive-sa", "service_account: a", "is no service account name"),
        ("key: bucket", "key: a..b", "is no configuration key"),
        ("key: bucket", "key: 'a b'", "is no configuration key"),
        ("name: plant\n", "name: plant\nlabels: {Team: x}\n", "is no label key"),
        ("name: plant\n", "name: plant\nlabels: {team: X}\n", "is no label value"),
        ("name: plant\n", "name: plant\nlabels: {managed-by: me}\n", "is set by the director itself; remove it"),
        ("  air:\n", "  Air:\n", "is no name"),
        ("location: EU", "location: eu", "unknown location 'eu'; did you mean 'EU'?"),
        ("name: plant-archive\n", "name: plant-archive\n          location: eur4\n", "did you mean 'EUR4'?"),
    ],
)
def test_names_and_places_follow_the_rules_of_their_kind(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert expected in only_problem(tmp_path, old, new)


TABLE = """\
      bigquery_datasets: [{name: telemetry}]
      bigquery_tables:
        - name: rows
          dataset: telemetry
          schema: [{name: at, type: TIMESTAMP}, {name: where, type: STRING}, {name: how, type: JSON}]
"""


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("time_partitioning_field: when", "'when' is no DATE, DATETIME or TIMESTAMP column"),
        ("time_partitioning_field: where", "'where' is no DATE, DATETIME or TIMESTAMP column"),
        ("clustering_fields: [how]", "'how' is no column that BigQuery clusters by"),
        ("clustering_fields: [at, at, at, at, at]", "has 5 entries; at most 4 are allowed"),
        ("time_partitioning_expiration: 1d", "the table is not partitioned"),
        ("schema: [{name: at, type: STRING}]", "key written twice"),
    ],
)
def test_a_table_can_only_be_laid_out_by_its_columns(tmp_path: Path, addition: str, expected: str) -> None:
    found = problems(tmp_path, SOUND + TABLE + f"          {addition}\n")
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("[{name: a, type: STRING}, {name: A, type: STRING}]", "columns named alike (BigQuery ignores case): a"),
        ("[{name: a, type: STRUCT}]", "a STRUCT, and nothing else, has fields"),
        ("[{name: a, type: STRING, fields: [{name: b, type: STRING}]}]", "a STRUCT, and nothing else, has fields"),
        ("[]", "is empty; add a column"),
    ],
)
def test_columns_are_checked(tmp_path: Path, columns: str, expected: str) -> None:
    table = TABLE[: TABLE.index("schema:")] + f"schema: {columns}\n"
    found = problems(tmp_path, SOUND + table)
    assert len(found) == 1
    assert expected in found[0]


def test_a_secret_is_refused_and_never_repeated(tmp_path: Path) -> None:
    found = problems(tmp_path, SOUND.replace("name: plant-archive", "{token: s3cr3t}"))
    assert not [problem for problem in found if "s3cr3t" in problem]
    found = problems(tmp_path, SOUND.replace("name: plant-archive", "name: 'https://me:s3cr3t@host'"))
    assert not [problem for problem in found if "s3cr3t" in problem]
    assert len(found) == 1


@pytest.mark.parametrize(
    "name",
    [
        f"'https://me:s3cr3t@host/{'a' * 100}'",  # longer than what is quoted of a name
        '"https://me:s3cr3t@host/\\n"',
        "https://me:s3cr3t@höst",
    ],
)
def test_not_even_the_beginning_of_a_secret_is_repeated(tmp_path: Path, name: str) -> None:
    for place in (f"name: {name}", f"name: plant-archive\n          storage_class: {name}"):
        (found,) = problems(tmp_path, SOUND.replace("name: plant-archive", place))
        assert found.endswith(inline_secrets.ADVICE)


def test_a_document_that_is_no_yaml_is_one_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == ["architecture.yaml:1:1: is empty"]
    assert problems(tmp_path, "a: &x 1") == ["architecture.yaml:1:4: anchor &x; write the value out where it is needed"]


@pytest.mark.parametrize(
    "text",
    [
        "dataflows: 3\n",
        "dataflows: {air: {services: [], resources: {topics: 7, subscriptions: [1, {topic: [x]}]}}}\n",
        "dataflows: {air: {services: {b: 1}, resources: {topics: [{name: [], producers: {name: x}}]}}}\n",
        "dataflows: {air: {services: {b: {config: 1, dependencies: {a: 1}}}, resources: []}}\n",
        "project_id: []\ndataflows: {air: {resources: {firestore_collections: [{name: 1, documents_file: 2}]}}}\n",
    ],
)
def test_what_is_of_the_wrong_shape_everywhere_still_ends_in_problems(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


SINKS = """\
      bigquery_datasets: [{name: sink}, {name: other}]
      bigquery_tables:
        - name: letters
          dataset: sink
          schema:
            - {name: subscription_name, type: STRING}
            - {name: message_id, type: STRING}
            - {name: publish_time, type: TIMESTAMP}
            - {name: data, type: BYTES}
            - {name: attributes, type: JSON}
        - {name: twice, dataset: sink, schema: [{name: a, type: STRING}]}
        - {name: twice, dataset: other, schema: [{name: data, type: STRING}]}
      bigquery_views:
        - {name: once, dataset: sink, deduplicate: {table: letters, key: [message_id], order_by: [publish_time]}}
      gcs_buckets:
"""
READER = "          consumer_service: {name: archive, lookup: {key: subscription}}\n"
EXPORT = "          bigquery: {table: letters, write_metadata: true}\n"


def with_sinks(export: str) -> str:
    return SOUND.replace("      gcs_buckets:\n", SINKS).replace(READER, export)


@pytest.mark.parametrize(
    "export",
    [
        EXPORT,
        "          bigquery: {table: sink.letters}\n",
        "          bigquery: {table: sink.twice, use_table_schema: true, drop_unknown_fields: true}\n",
        "          bigquery: {table: other.twice}\n",
        (
            "          ack_deadline_seconds: 60\n"
            "          cloud_storage: {bucket: plant-archive, prefix: dead/, suffix: .avro, max_duration: 1m, "
            "max_bytes: 1000, format: avro, write_metadata: true}\n"
        ),
        (
            "          push: {endpoint: https://example.com/push, service_account: push@p.iam.gserviceaccount.com, "
            "audience: a, attributes: {x-goog-version: v1}}\n"
        ),
    ],
)
def test_pub_sub_may_deliver_by_itself(tmp_path: Path, export: str) -> None:
    subscription = load(write(tmp_path, with_sinks(export))).architecture.dataflows["air"].resources.subscriptions[0]
    assert [subscription.bigquery, subscription.cloud_storage, subscription.push].count(None) == 2


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        ("bigquery: {table: leters}", "no table 'leters' here; did you mean 'letters'?"),
        ("bigquery: {table: twice}", "several datasets have a table 'twice'; write 'sink.twice' or 'other.twice'"),
        (
            "bigquery: {table: other.twice, write_metadata: true, use_table_schema: true}",
            "table 'twice' has no column subscription_name of type STRING, which this subscription writes",
        ),
        (
            "bigquery: {table: sink.twice}",
            "table 'twice' has no column data of type BYTES or STRING or JSON, which this subscription writes",
        ),
        ("bigquery: {table: letters, drop_unknown_fields: true}", "add use_table_schema or use_topic_schema"),
        ("bigquery: {table: letters, use_topic_schema: true}", "topic 'readings' has no schema; add schema_settings"),
        ("{ack_deadline_seconds: 300, cloud_storage: {bucket: plant-archiv}}", "did you mean 'plant-archive'?"),
        ("cloud_storage: {bucket: plant-archive}", "set it to 300 or more"),
        (
            "{ack_deadline_seconds: 600, cloud_storage: {bucket: plant-archive, write_metadata: true}}",
            "text files hold payloads alone; use format avro or remove it",
        ),
        ("{ack_deadline_seconds: 600, cloud_storage: {bucket: plant-archive, suffix: a/}}", "must match"),
        ("push: {endpoint: http://example.com}", "must match ^https://"),
        ("push: {endpoint: https://example.com, audience: a}", "needs a service_account"),
        (
            "{bigquery: {table: letters}, push: {endpoint: https://example.com}}",
            "bigquery and push: a subscription delivers one way; make another for each",
        ),
        (
            "{bigquery: {table: letters}, enable_exactly_once_delivery: true}",
            "Pub/Sub has it for pulling only, not for bigquery",
        ),
        (
            "{bigquery: {table: letters}, consumer_service: {name: archive, lookup: {key: subscription}}}",
            "with bigquery there is nothing left to pull; remove one of the two",
        ),
    ],
)
def test_what_pub_sub_could_not_deliver_is_refused(tmp_path: Path, export: str, expected: str) -> None:
    keys = export[1:-1] if export.startswith("{") else export
    whole = f"        - {{name: readings-archive, topic: readings, {keys}}}\n"
    text = with_sinks("").replace("        - name: readings-archive\n          topic: readings\n", whole)
    assert any(expected in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("{name: v, dataset: snk, query: SELECT 1}", "no dataset 'snk' here; did you mean 'sink'?"),
        ("{name: letters, dataset: sink, query: SELECT 1}", "'letters' is declared already; keep one"),
        ("{name: v, dataset: sink}", "has a query or deduplicate, and not both"),
        (
            "{name: v, dataset: sink, query: SELECT 1, deduplicate: {table: letters, key: [data], order_by: [data]}}",
            "has a query or deduplicate, and not both",
        ),
        (
            "{name: v, dataset: sink, deduplicate: {table: leters, key: [data], order_by: [data]}}",
            "no table 'leters' here; did you mean 'letters'?",
        ),
        (
            "{name: v, dataset: sink, deduplicate: {table: letters, key: [mesage_id], order_by: [data]}}",
            "deduplicate.key[0]: no column 'mesage_id' in table 'letters'; did you mean 'message_id'?",
        ),
        (
            "{name: v, dataset: sink, deduplicate: {table: letters, key: [data], order_by: [at]}}",
            "deduplicate.order_by[0]: no column 'at' in table 'letters'",
        ),
        (
            "{name: v, dataset: sink, deduplicate: {table: letters, key: [attributes], order_by: [data]}}",
            "deduplicate.key[0]: BigQuery makes no groups by 'attributes' of table 'letters', which is JSON; name",
        ),
        (
            "{name: v, dataset: sink, deduplicate: {table: letters, key: [data], order_by: [attributes]}}",
            "deduplicate.order_by[0]: BigQuery has no order of 'attributes' of table 'letters', which is JSON; name",
        ),
        ("{name: v, dataset: sink, query: SELECT * FROM sink.v}", "'sink.v' is made of this view in turn"),
    ],
)
def test_a_view_is_made_of_what_is_there(tmp_path: Path, view: str, expected: str) -> None:
    found = problems(
        tmp_path, with_sinks(EXPORT).replace("      bigquery_views:\n", f"      bigquery_views:\n        - {view}\n")
    )
    assert len(found) == 1, found
    assert expected in found[0]
