"""IAM of topics and subscriptions, through Google's own clients."""

from typing import Any

import pytest
from google.api_core import exceptions

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

PUBLISH = "pubsub.topics.publish"
CONSUME = "pubsub.subscriptions.consume"
BINDING = {"role": "roles/pubsub.publisher", "members": ["serviceAccount:bridge@p.iam.gserviceaccount.com"]}


def permitted(client: Any, resource: str, *permissions: str) -> list[str]:
    return list(client.test_iam_permissions(request={"resource": resource, "permissions": permissions}).permissions)


def test_a_policy_is_read_modified_and_written(lab: Any) -> None:
    topic = lab.topic()
    for client, resource in ((lab.publisher, topic), (lab.subscriber, lab.subscription(topic))):
        policy = client.get_iam_policy(request={"resource": resource})
        assert not policy.bindings
        policy.bindings.add(**BINDING)
        written = client.set_iam_policy(request={"resource": resource, "policy": policy})
        assert client.get_iam_policy(request={"resource": resource}) == written
        assert list(written.bindings[0].members) == BINDING["members"]


def test_two_who_write_at_once_do_not_overwrite_each_other(lab: Any) -> None:
    topic = lab.topic()
    policy = lab.publisher.get_iam_policy(request={"resource": topic})
    lab.publisher.set_iam_policy(request={"resource": topic, "policy": policy})
    with pytest.raises(exceptions.Aborted):
        lab.publisher.set_iam_policy(request={"resource": topic, "policy": policy})


def test_a_policy_ends_with_its_topic(lab: Any) -> None:
    topic = lab.topic()
    lab.publisher.set_iam_policy(request={"resource": topic, "policy": {"bindings": [BINDING]}})
    lab.publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        lab.publisher.get_iam_policy(request={"resource": topic})
    lab.publisher.create_topic(name=topic)
    assert not lab.publisher.get_iam_policy(request={"resource": topic}).bindings


def test_what_is_not_there_has_no_policy_and_permits_nothing(lab: Any) -> None:
    for client, kind, permission in ((lab.publisher, "topics", PUBLISH), (lab.subscriber, "subscriptions", CONSUME)):
        absent = lab.name(kind)
        with pytest.raises(exceptions.NotFound):
            client.get_iam_policy(request={"resource": absent})
        with pytest.raises(exceptions.NotFound):
            client.set_iam_policy(request={"resource": absent, "policy": {}})
        assert permitted(client, absent, permission) == []


def test_here_everyone_is_the_owner(lab: Any) -> None:
    topic = lab.topic()
    assert permitted(lab.publisher, topic, PUBLISH, "pubsub.topics.delete") == [PUBLISH, "pubsub.topics.delete"]
    assert permitted(lab.subscriber, lab.subscription(topic), CONSUME) == [CONSUME]


def test_a_fault_on_a_permission_takes_it_away(cloud: LocalCloud, lab: Any) -> None:
    topic = lab.topic()
    cloud.faults.add(Fault(method=PUBLISH, resource=topic, code="PERMISSION_DENIED"))
    assert permitted(lab.publisher, topic, PUBLISH, "pubsub.topics.get") == ["pubsub.topics.get"]
    cloud.faults.clear()
    assert permitted(lab.publisher, topic, PUBLISH) == [PUBLISH]


def test_a_fault_may_end_the_whole_call(cloud: LocalCloud, lab: Any) -> None:
    cloud.faults.add(Fault(method="pubsub.TestIamPermissions", code="PERMISSION_DENIED"))
    with pytest.raises(exceptions.PermissionDenied):
        permitted(lab.publisher, lab.topic(), PUBLISH)


def test_a_permission_of_another_kind_of_resource_is_refused(lab: Any) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="not valid for this resource"):
        permitted(lab.publisher, lab.topic(), CONSUME)


def test_what_is_not_supported_says_so_by_name(lab: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="IAM policies of snapshots"):
        lab.subscriber.get_iam_policy(request={"resource": lab.name("snapshots")})
    request = {"resource": lab.topic(), "policy": {}, "update_mask": {"paths": ["bindings"]}}
    with pytest.raises(exceptions.MethodNotImplemented, match="update_mask"):
        lab.publisher.set_iam_policy(request=request)
    with pytest.raises(exceptions.InvalidArgument, match="Invalid resource name"):
        lab.publisher.get_iam_policy(request={"resource": "projects/p/x"})
