"""Whether every Pub/Sub topic of a configuration is there, and whether we may publish to it."""

from collections.abc import Iterator
from typing import Any

import google.auth.exceptions
import grpc
from google.iam.v1 import iam_policy_pb2
from google.pubsub_v1.types import GetTopicRequest, Topic

from bridge.config import BridgeConfig
from bridge.doctor.checks import Check, failed, ok, warning
from director.endpoints import channel

PUBLISH = "pubsub.topics.publish"
SECONDS = 10.0


def pubsub_checks(config: BridgeConfig) -> Iterator[Check]:
    try:
        opened = channel("pubsub")
    except google.auth.exceptions.GoogleAuthError as error:
        yield failed("pubsub", f"no Google credentials: {error}", "give this process a service account")
        return
    with opened:
        topics = Topics(opened)
        for name, pubsub_topic in config.destinations.items():
            yield topics.check(f"destination {name}", pubsub_topic)
        yield topics.check("dead_letter_topic", config.dead_letter_topic)


class Topics:
    """Topics as seen through `opened`, with the rights of this process."""

    def __init__(self, opened: grpc.Channel) -> None:
        self._get_topic = opened.unary_unary(
            "/google.pubsub.v1.Publisher/GetTopic", GetTopicRequest.serialize, Topic.deserialize
        )
        self._test_permissions = opened.unary_unary(
            "/google.iam.v1.IAMPolicy/TestIamPermissions",
            iam_policy_pb2.TestIamPermissionsRequest.SerializeToString,
            iam_policy_pb2.TestIamPermissionsResponse.FromString,
        )

    def check(self, name: str, pubsub_topic: str) -> Check:
        """By the right to publish; the right to look at a topic is another one, which a bridge does not need."""
        try:
            self._get_topic(GetTopicRequest(topic=pubsub_topic), timeout=SECONDS)
        except grpc.RpcError as error:
            if _code(error) is not grpc.StatusCode.PERMISSION_DENIED:
                return _unseen(name, pubsub_topic, error)
        try:
            request = iam_policy_pb2.TestIamPermissionsRequest(resource=pubsub_topic, permissions=[PUBLISH])
            granted = self._test_permissions(request, timeout=SECONDS).permissions
        except grpc.RpcError as error:
            return _untested(name, pubsub_topic, error)
        if PUBLISH in granted:
            return ok(name, f"{pubsub_topic} is there, and we may publish to it")
        advice = "grant roles/pubsub.publisher on it to the bridge's service account"
        return failed(name, f"no right to publish to {pubsub_topic}", advice)


def _unseen(name: str, pubsub_topic: str, error: Any) -> Check:
    if _code(error) is grpc.StatusCode.NOT_FOUND:
        return failed(
            name, f"{pubsub_topic} does not exist", "let the director apply the dataflow, or correct the name"
        )
    return failed(name, f"Pub/Sub does not answer for {pubsub_topic}: {_told(error)}", "see that it can be reached")


def _untested(name: str, pubsub_topic: str, error: Any) -> Check:
    if _code(error) is grpc.StatusCode.UNIMPLEMENTED:
        words = f"{pubsub_topic} is there; whether we may publish to it cannot be asked here"
        return warning(name, words, "none needed with a stand-in of Pub/Sub; else send a message and look at /readyz")
    return failed(name, f"cannot ask for our rights to {pubsub_topic}: {_told(error)}", "see that it can be reached")


def _code(error: Any) -> grpc.StatusCode:
    code: grpc.StatusCode = error.code()
    return code


def _told(error: Any) -> str:
    return f"{_code(error).name}: {error.details()}"
