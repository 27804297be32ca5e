"""What is too much for any service, told by its name; and the role of our own making."""

import pytest

from director.iam.roles import OWN_SUBSCRIPTIONS, too_broad


@pytest.mark.parametrize(
    ("role", "member"),
    [
        ("roles/owner", "user:a@b.c"),
        ("roles/editor", "user:a@b.c"),
        ("roles/viewer", "user:a@b.c"),
        ("roles/pubsub.admin", "user:a@b.c"),
        ("roles/pubsub.editor", "user:a@b.c"),
        ("roles/storage.objectAdmin", "user:a@b.c"),
        ("roles/bigquery.dataOwner", "user:a@b.c"),
        ("roles/storage.legacyBucketOwner", "user:a@b.c"),
        ("roles/pubsub.publisher", "allUsers"),
        ("roles/pubsub.publisher", "allAuthenticatedUsers"),
    ],
)
def test_roles_that_no_service_should_have_are_told(role: str, member: str) -> None:
    assert too_broad(role, member)


@pytest.mark.parametrize("role", ["roles/pubsub.publisher", "roles/bigquery.dataEditor", "roles/datastore.user"])
def test_roles_of_the_plan_are_not_told(role: str) -> None:
    assert too_broad(role, "user:a@b.c") is None


def test_services_with_subscriptions_of_their_own_can_neither_delete_nor_look_around() -> None:
    assert OWN_SUBSCRIPTIONS.permissions == ("pubsub.subscriptions.consume", "pubsub.subscriptions.create")
    assert OWN_SUBSCRIPTIONS.name("p") == "projects/p/roles/iotOwnSubscriptions"
    assert OWN_SUBSCRIPTIONS.definition()["includedPermissions"] == list(OWN_SUBSCRIPTIONS.permissions)
