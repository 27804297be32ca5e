"""Whether a grant has taken effect: Google is asked as the service itself, for the permission that its work needs.

A policy reads as it was written at once; what it allows follows within minutes. Nobody can ask what another may do, so
the director asks with the service's own, impersonated credentials. For that it needs on the account
roles/iam.serviceAccountTokenCreator; without it, and of Google's own agents, nothing can be asked.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import google.auth.transport.grpc
import grpc
from google.api_core.exceptions import Forbidden, NotFound, Unauthenticated
from google.api_core.gapic_v1.method import wrap_method
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import RefreshError
from google.auth.impersonated_credentials import Credentials as Impersonated
from google.auth.transport.requests import AuthorizedSession, Request
from google.iam.v1.iam_policy_pb2 import TestIamPermissionsRequest as Asked
from google.iam.v1.iam_policy_pb2 import TestIamPermissionsResponse as Told

from director import keys
from director.endpoints import SCOPES, Service, credentials, emulator
from director.iam import roles
from director.iam.bindings import PROJECTS, SECRETS, Binding
from director.iam.doors import bucket_url, project_url, table_url
from director.keys import Key
from director.provisioning.base import CALL_TIMEOUT
from director.provisioning.json_calls import json_answer

_ROWS = {roles.DATA_EDITOR: "bigquery.tables.updateData", roles.DATA_VIEWER: "bigquery.tables.getData"}
PERMISSIONS: Mapping[str, Mapping[str, str]] = {  # by kind and role: what the role is given for
    keys.TOPICS: {roles.PUBLISHER: "pubsub.topics.publish", roles.SUBSCRIBER: "pubsub.topics.attachSubscription"},
    keys.SUBSCRIPTIONS: {roles.SUBSCRIBER: "pubsub.subscriptions.consume"},
    keys.TABLES: _ROWS,
    keys.VIEWS: _ROWS,
    keys.BUCKETS: {
        roles.OBJECT_CREATOR: "storage.objects.create",
        roles.OBJECT_VIEWER: "storage.objects.get",
        roles.OBJECT_USER: "storage.objects.delete",
    },
    SECRETS: {
        roles.SECRET_ACCESSOR: "secretmanager.versions.access",
        roles.SECRET_ADDER: "secretmanager.versions.add",
    },
    keys.CLOUD_RUN_SERVICES: {roles.RUN_INVOKER: "run.routes.invoke"},
    PROJECTS: {
        roles.JOB_USER: "bigquery.jobs.create",
        roles.DATASTORE_USER: "datastore.entities.create",
        roles.DATASTORE_VIEWER: "datastore.entities.get",
    },
}
_ACCOUNT = "serviceAccount:"
_SERVICES: Mapping[str, tuple[Service, str]] = {  # where gRPC answers
    keys.TOPICS: ("pubsub", "/google.iam.v1.IAMPolicy/TestIamPermissions"),
    keys.SUBSCRIPTIONS: ("pubsub", "/google.iam.v1.IAMPolicy/TestIamPermissions"),
    SECRETS: ("secretmanager", "/google.cloud.secretmanager.v1.SecretManagerService/TestIamPermissions"),
    keys.CLOUD_RUN_SERVICES: ("run", "/google.cloud.run.v2.Services/TestIamPermissions"),
}


class Services(Protocol):
    """Those that grants are for."""

    def may(self, binding: Binding) -> bool | None:
        """Whether the grant has taken effect; None where that cannot be asked."""
        ...


class AsServices:
    """Asks as each service itself."""

    def __init__(self, credentials_of: Callable[[str], Credentials] | None = None) -> None:
        self._credentials = cache(credentials_of or impersonated)

    def may(self, binding: Binding) -> bool | None:
        permission = permission_of(binding)
        if permission is None:
            return None
        account = self._credentials(binding.member.removeprefix(_ACCOUNT))
        try:
            return _held(binding.resource, permission, account)
        except NotFound:  # as some answer who may not even look
            return False
        except (Forbidden, Unauthenticated, RefreshError):
            return None


def permission_of(binding: Binding) -> str | None:
    """What to ask for; None where nobody but the member could."""
    if not binding.member.startswith(_ACCOUNT) or "@gcp-sa-" in binding.member:
        return None
    if binding.role.endswith(f"/{roles.OWN_SUBSCRIPTIONS.id}"):
        return "pubsub.subscriptions.create"
    return PERMISSIONS.get(binding.kind, {}).get(binding.role)


def impersonated(account: str) -> Credentials:
    """Raises DefaultCredentialsError where we have none ourselves."""
    if emulator("pubsub"):
        return AnonymousCredentials()
    own = credentials("pubsub")
    return Impersonated(source_credentials=own, target_principal=account, target_scopes=list(SCOPES), lifetime=900)


def _held(resource: Key, permission: str, account: Credentials) -> bool:
    kind, name = resource
    if kind in _SERVICES:
        return permission in _over_grpc(*_SERVICES[kind], name, permission, account)
    with AuthorizedSession(account) as session:
        return permission in _over_rest(session, kind, name, permission)


def _over_rest(session: AuthorizedSession, kind: str, name: str, permission: str) -> list[str]:
    if kind == keys.BUCKETS:
        url = f"{bucket_url(name)}/iam/testPermissions"
        return list(json_answer(session, "GET", url, query={"permissions": permission}).get("permissions", ()))
    url = project_url(name) if kind == PROJECTS else table_url(name)
    answer = json_answer(session, "POST", f"{url}:testIamPermissions", {"permissions": [permission]})
    return list(answer.get("permissions", ()))


def _over_grpc(service: Service, method: str, name: str, permission: str, account: Credentials) -> list[str]:
    with _channel(service, account) as opened:
        call: Any = opened.unary_unary(method, Asked.SerializeToString, Told.FromString)
        metadata = [to_grpc_metadata({"resource": name})]
        asked = Asked(resource=name, permissions=[permission])
        return list(wrap_method(call)(asked, timeout=CALL_TIMEOUT, metadata=metadata).permissions)


def _channel(service: Service, account: Credentials) -> grpc.Channel:
    address = emulator(service)
    if address:
        return grpc.insecure_channel(address)
    secure: grpc.Channel = google.auth.transport.grpc.secure_authorized_channel(
        account, Request(), f"{service}.googleapis.com:443"
    )
    return secure
