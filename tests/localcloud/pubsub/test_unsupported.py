"""What is not there says so, by name."""

from typing import Any

import grpc
import pytest


@pytest.mark.parametrize(
    "method",
    [
        "google.pubsub.v1.SchemaService/CreateSchema",
        "google.pubsub.v1.SchemaService/ValidateMessage",
    ],
)
def test_its_name_is_in_the_answer(lab: Any, method: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        lab.channel.unary_unary(f"/{method}")(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert method.replace("/", ".") in refused.value.details()
