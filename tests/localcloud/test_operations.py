"""Long-running operations, over the wire: what is begun, what it comes to, and what faults do to it."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.api_core.operations_v1 import OperationsClient
from google.cloud.run_v2 import ServicesClient
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.localcloud.run.parts import parent, service


@pytest.fixture
def channel(cloud: LocalCloud) -> Iterator[Any]:
    with grpc.insecure_channel(cloud.grpc_address) as opened:
        yield opened


@pytest.fixture
def client(channel: Any) -> ServicesClient:
    return ServicesClient(transport=ServicesGrpcTransport(channel=channel))


@pytest.fixture
def operations(channel: Any) -> Any:
    return OperationsClient(channel)


def test_an_operation_is_answered_unfinished_and_then_finishes(client: ServicesClient, operations: Any) -> None:
    begun = client.create_service(parent=parent(), service_id="a", service=service())
    assert not begun.operation.done
    begun.result(timeout=10)
    again = operations.get_operation(begun.operation.name)
    assert again.done
    assert again.HasField("response")


def test_a_fault_on_the_second_half_is_the_operations_error(client: ServicesClient, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method="run.CreateService.finish", code="RESOURCE_EXHAUSTED", message="no more room"))
    begun = client.create_service(parent=parent(), service_id="a", service=service())
    with pytest.raises(exceptions.ResourceExhausted, match="no more room"):
        begun.result(timeout=10)


def test_a_hanging_second_half_keeps_an_operation_unfinished_until_the_fault_is_gone(
    client: ServicesClient, operations: Any, cloud: LocalCloud
) -> None:
    number = cloud.faults.add(Fault(method="run.CreateService.finish", action="hang"))
    begun = client.create_service(parent=parent(), service_id="a", service=service())
    assert not operations.get_operation(begun.operation.name).done
    with pytest.raises(exceptions.FailedPrecondition, match="still running"):
        operations.delete_operation(begun.operation.name)
    cloud.faults.remove(number)
    begun.result(timeout=10)


def test_operations_are_listed_below_their_place_and_can_be_forgotten(client: ServicesClient, operations: Any) -> None:
    place = parent()
    begun = client.create_service(parent=place, service_id="a", service=service())
    begun.result(timeout=10)
    assert [each.name for each in operations.list_operations(place, "")] == [begun.operation.name]
    operations.delete_operation(begun.operation.name)
    assert not list(operations.list_operations(place, ""))
    with pytest.raises(exceptions.NotFound):
        operations.get_operation(begun.operation.name)


def test_what_is_not_covered_names_itself(operations: Any, client: ServicesClient) -> None:
    begun = client.create_service(parent=parent(), service_id="a", service=service())
    with pytest.raises(exceptions.MethodNotImplemented, match="CancelOperation"):
        operations.cancel_operation(begun.operation.name)
    with pytest.raises(exceptions.MethodNotImplemented, match="filter"):
        list(operations.list_operations(parent(), "done:true"))
