"""What an update changes of a resource."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.masks import own_fields, replace
from localcloud.rpc import RpcError
from localcloud.run.messages import Service

SETTABLE = own_fields(Service, ("name", "uid"))


def live() -> Service:
    template = {"revision": "r", "labels": {"x": "y"}}
    return Service(name="n", uid="u", description="old", labels={"a": "b"}, template=template)


def test_a_mask_of_paths_changes_these_and_nothing_else() -> None:
    service = live()
    wanted = Service(description="new", labels={"c": "d"}, template={"revision": "s"})
    replace(service, wanted, FieldMask(paths=["labels", "template.revision"]), SETTABLE)
    assert (service.description, dict(service.labels)) == ("old", {"c": "d"})
    assert (service.template.revision, dict(service.template.labels)) == ("s", {"x": "y"})


def test_without_a_mask_all_that_callers_set_is_replaced() -> None:
    service = live()
    replace(service, Service(name="other", uid="other", description="new"), None, SETTABLE)
    assert service == Service(name="n", uid="u", description="new")


def test_what_a_mask_names_and_a_request_leaves_out_is_taken_away() -> None:
    service = live()
    replace(service, Service(), FieldMask(paths=["description", "template"]), SETTABLE)
    assert service == Service(name="n", uid="u", labels={"a": "b"})


def test_what_callers_do_not_set_cannot_be_named() -> None:
    with pytest.raises(RpcError, match="uid cannot be updated"):
        replace(live(), Service(), FieldMask(paths=["uid"]), SETTABLE)
