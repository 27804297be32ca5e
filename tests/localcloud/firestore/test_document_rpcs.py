"""Documents, commits and transactions over the wire."""

import datetime
import threading
from typing import Any

import pytest
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
)
from google.cloud import firestore
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.types import CommitRequest, Document, Value, Write

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


def test_values_of_all_types_come_back(client: firestore.Client) -> None:
    fields = {
        "null": None,
        "bool": True,
        "int": -(2**63),
        "double": 0.1,
        "time": datetime.datetime(2020, 1, 1, 12, 30, 0, 123456, tzinfo=datetime.UTC),
        "text": "é€😀",
        "bytes": b"\x00\xff",
        "reference": client.document("c/other"),
        "point": GeoPoint(1.5, -2.5),
        "array": [1, "a", {"b": None}],
        "map": {"a.b": 1, "`": {"c": 3}},
    }
    client.document("c/x").set(fields)
    assert client.document("c/x").get().to_dict() == fields


def test_set_replaces_and_merge_keeps(client: firestore.Client) -> None:
    document = client.document("c/x")
    document.set({"a": {"b": 1, "c": 2}, "d": 3})
    document.set({"a": {"c": 4}, "e.f": 5}, merge=True)
    assert document.get().to_dict() == {"a": {"b": 1, "c": 4}, "d": 3, "e.f": 5}
    document.set({"a": {"g": 6}, "d": 7}, merge=["a"])
    assert document.get().to_dict() == {"a": {"g": 6}, "d": 3, "e.f": 5}
    document.set({"z": 1})
    assert document.get().to_dict() == {"z": 1}


def test_update_changes_nested_fields_only_where_told(client: firestore.Client) -> None:
    document = client.document("c/x")
    document.set({"a": {"b": 1, "c": 2}, "d": 3})
    document.update({"a.b": 9, "d": firestore.DELETE_FIELD, "`x.y`.z": 1})
    assert document.get().to_dict() == {"a": {"b": 9, "c": 2}, "x.y": {"z": 1}}


def test_transforms_act_on_the_server(client: firestore.Client) -> None:
    document = client.document("c/x")
    document.set({"n": 1, "list": [1, 2]})
    document.update(
        {
            "n": firestore.Increment(2),
            "high": firestore.Maximum(7),
            "list": firestore.ArrayUnion([2, 3]),
            "deep.at": firestore.SERVER_TIMESTAMP,
        }
    )
    document.set({"list": firestore.ArrayRemove([1])}, merge=True)
    found = document.get().to_dict()
    assert isinstance(found.pop("deep")["at"], datetime.datetime)
    assert found == {"n": 3, "high": 7, "list": [2, 3]}


def test_create_and_update_need_what_they_say(client: firestore.Client) -> None:
    document = client.document("c/x")
    with pytest.raises(NotFound, match="No document to update"):
        document.update({"a": 1})
    document.create({"a": 1})
    with pytest.raises(AlreadyExists, match="already exists"):
        document.create({"a": 2})
    assert document.get().to_dict() == {"a": 1}


def test_a_write_can_be_bound_to_the_version_read(client: firestore.Client) -> None:
    document = client.document("c/x")
    document.set({"a": 1})
    read = document.get()
    document.update({"a": 2}, option=client.write_option(last_update_time=read.update_time))
    stale = client.write_option(last_update_time=read.update_time)
    with pytest.raises(FailedPrecondition, match="does not match the required base version"):
        document.update({"a": 3}, option=stale)
    with pytest.raises(FailedPrecondition):
        document.delete(option=stale)
    assert document.get().to_dict() == {"a": 2}


def test_times_tell_of_creation_and_last_change(client: firestore.Client) -> None:
    document = client.document("c/x")
    created = document.set({"a": 1}).update_time
    changed = document.set({"a": 2}).update_time
    found = document.get()
    assert (found.create_time, found.update_time) == (created, changed)
    assert created < changed <= found.read_time


def test_deleting_is_repeatable_unless_it_must_exist(client: firestore.Client) -> None:
    document = client.document("c/x")
    document.set({})
    document.delete()
    document.delete()
    assert not document.get().exists
    with pytest.raises(NotFound):
        document.delete(option=client.write_option(exists=True))


def test_a_batch_happens_whole_or_not_at_all(client: firestore.Client) -> None:
    batch = client.batch()
    batch.set(client.document("c/x"), {"a": 1})
    batch.update(client.document("c/absent"), {"a": 1})
    with pytest.raises(NotFound):
        batch.commit()
    assert not client.document("c/x").get().exists


def test_many_documents_are_read_at_once(client: firestore.Client) -> None:
    batch = client.batch()
    for number in range(500):
        batch.set(client.document(f"c/{number}"), {"n": number, "other": "x"})
    batch.commit()
    wanted = [client.document(f"c/{number}") for number in range(510)]
    found = {snapshot.id: snapshot for snapshot in client.get_all([*wanted, wanted[0]], field_paths=["n"])}
    assert len(found) == 510
    assert [found[str(number)].to_dict() for number in range(500)] == [{"n": number} for number in range(500)]
    assert not any(found[str(number)].exists for number in range(500, 510))


def test_databases_and_projects_are_apart(client: firestore.Client) -> None:
    others = [firestore.Client(project=client.project, database="other"), firestore.Client(project="elsewhere")]
    client.document("c/x").set({"a": 1})
    for other in others:
        assert not other.document("c/x").get().exists
        other.close()


def test_a_name_of_another_database_is_refused(client: firestore.Client) -> None:
    name = "projects/other/databases/(default)/documents/c/x"
    request = CommitRequest(database=client._database_string, writes=[Write(delete=name)])
    with pytest.raises(InvalidArgument, match="is not in database"):
        client._firestore_api.commit(request=request)


def test_single_document_calls(client: firestore.Client) -> None:
    api, root = client._firestore_api, f"{client._database_string}/documents"
    one = Document(fields={"a": Value(integer_value=1), "b": Value(integer_value=1)})
    new = {"parent": root, "collection_id": "c", "document_id": "x", "document": one}
    made = api.create_document(request=new)
    assert made.name == f"{root}/c/x"
    with pytest.raises(AlreadyExists):
        api.create_document(request=new)
    assert len(api.create_document(request={**new, "document_id": ""}).name) > len(made.name)
    two = Document(name=made.name, fields={"a": Value(integer_value=2)})
    api.update_document(document=two, update_mask={"field_paths": ["a"]})
    assert client.document("c/x").get().to_dict() == {"a": 2, "b": 1}
    read = api.get_document(request={"name": made.name, "mask": {"field_paths": ["b"]}})
    assert read.fields == {"b": Value(integer_value=1)}
    api.delete_document(name=made.name)
    with pytest.raises(NotFound):
        api.get_document(request={"name": made.name})


def test_bulk_writes_fail_one_by_one(client: firestore.Client) -> None:
    failed: list[str] = []
    writer = client.bulk_writer()
    writer.on_write_error(lambda error, _: failed.append(error.operation.reference.id) or False)
    writer.create(client.document("c/x"), {"a": 1})
    writer.update(client.document("c/absent"), {"a": 1})
    writer.set(client.document("c/y"), {"a": 1})
    writer.close()
    assert failed == ["absent"]
    assert [snapshot.id for snapshot in client.collection("c").stream()] == ["x", "y"]


def test_a_bulk_request_names_a_document_once(client: firestore.Client) -> None:
    write = Write(delete=f"{client._database_string}/documents/c/x")
    with pytest.raises(InvalidArgument, match="more than once"):
        client._firestore_api.batch_write(request={"database": client._database_string, "writes": [write, write]})


def test_a_contended_counter_loses_no_update(client: firestore.Client) -> None:
    counter = client.document("c/counter")
    counter.set({"n": 0})

    @firestore.transactional
    def increment(transaction: firestore.Transaction) -> None:
        transaction.update(counter, {"n": counter.get(transaction=transaction).get("n") + 1})

    def increment_often() -> None:
        for _ in range(10):
            increment(client.transaction())

    threads = [threading.Thread(target=increment_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.get().to_dict() == {"n": 40}


def begun(client: firestore.Client, **options: Any) -> firestore.Transaction:
    transaction = client.transaction(**options)
    transaction._begin()
    return transaction


def test_a_transaction_is_aborted_when_what_it_read_has_changed(client: firestore.Client) -> None:
    document = client.document("c/x")
    transaction = begun(client)
    assert not document.get(transaction=transaction).exists
    document.set({"a": 1})
    transaction.set(client.document("c/y"), {"a": 1})
    with pytest.raises(Aborted, match="contention"):
        transaction._commit()
    transaction._rollback()
    assert not client.document("c/y").get().exists


def test_a_transaction_is_aborted_when_a_result_of_its_query_is_new(client: firestore.Client) -> None:
    ones = client.collection("c").where(filter=firestore.FieldFilter("a", "==", 1))
    transaction = begun(client)
    assert list(ones.stream(transaction=transaction)) == []
    client.document("c/x").set({"a": 1})
    transaction.set(client.document("c/sum"), {"n": 0})
    with pytest.raises(Aborted):
        transaction._commit()


def test_a_transaction_cares_only_for_what_it_read(client: firestore.Client) -> None:
    client.document("c/x").set({"a": 1})
    transaction = begun(client)
    client.document("c/x").get(transaction=transaction)
    client.document("c/y").set({"a": 1})
    transaction.update(client.document("c/x"), {"a": 2})
    transaction._commit()
    assert client.document("c/x").get().to_dict() == {"a": 2}


def test_a_transaction_ends_with_its_rollback(client: firestore.Client) -> None:
    transaction = begun(client)
    key = transaction._id
    transaction._rollback()
    with pytest.raises(InvalidArgument, match="no longer valid"):
        client._firestore_api.commit(request={"database": client._database_string, "transaction": key})


def test_an_idle_transaction_expires(cloud: LocalCloud, client: firestore.Client) -> None:
    transaction = begun(client)
    cloud.clock.advance(61)
    with pytest.raises(InvalidArgument, match="expired"):
        transaction._commit()


def test_a_read_only_transaction_sees_one_moment(client: firestore.Client) -> None:
    for path in ("c/x", "c/y"):
        client.document(path).set({"a": 1})
    transaction = begun(client, read_only=True)
    assert client.document("c/x").get(transaction=transaction).to_dict() == {"a": 1}
    client.document("c/y").set({"a": 2})
    client.document("c/z").set({"a": 2})
    assert [found.to_dict() for found in client.collection("c").stream(transaction=transaction)] == [{"a": 1}] * 2
    transaction._commit()


def test_the_past_can_be_read(client: firestore.Client) -> None:
    before = client.document("c/x").set({"a": 1}).update_time
    client.document("c/x").set({"a": 2})
    assert client.document("c/x").get(read_time=before).to_dict() == {"a": 1}
    assert [found.to_dict() for found in client.collection("c").get(read_time=before)] == [{"a": 1}]


def test_a_read_can_begin_its_transaction(client: firestore.Client) -> None:
    name = f"{client._database_string}/documents/c/x"
    request = {"database": client._database_string, "documents": [name], "new_transaction": {"read_write": {}}}
    answers = list(client._firestore_api.batch_get_documents(request=request))
    assert answers[1].missing == name
    client.document("c/x").set({})
    with pytest.raises(Aborted):
        client._firestore_api.commit(
            request={"database": client._database_string, "transaction": answers[0].transaction}
        )


def test_a_commit_lost_after_its_effect_has_happened(cloud: LocalCloud, client: firestore.Client) -> None:
    cloud.faults.add(Fault("firestore.Commit", when="after", code="INTERNAL", calls=1))
    with pytest.raises(Exception, match="injected fault"):
        client.document("c/x").set({"a": 1}, retry=None)
    assert client.document("c/x").get().to_dict() == {"a": 1}


def test_a_commit_refused_before_its_effect_is_retried(cloud: LocalCloud, client: firestore.Client) -> None:
    cloud.faults.add(Fault("firestore.Commit", calls=1))
    client.document("c/x").set({"n": firestore.Increment(1)})
    assert client.document("c/x").get().to_dict() == {"n": 1}


def test_faults_strike_a_database_or_a_document(cloud: LocalCloud, client: firestore.Client) -> None:
    client.document("c/good").set({})
    cloud.faults.add(Fault("firestore.BatchGetDocuments", marker="c/bad", code="PERMISSION_DENIED"))
    assert client.document("c/good").get().exists
    with pytest.raises(PermissionDenied):
        client.document("c/bad").get()
    cloud.faults.add(Fault("firestore.*", f"projects/{client.project}/*", code="UNAVAILABLE"))
    with pytest.raises(ServiceUnavailable):
        client.document("c/good").get(retry=None)


def test_what_is_not_supported_says_so(client: firestore.Client) -> None:
    with pytest.raises(MethodNotImplemented, match="ExecutePipeline"):
        list(client._firestore_api.execute_pipeline(request={"database": client._database_string}))
