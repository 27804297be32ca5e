"""Secret Manager on one machine: the door google.cloud.secretmanager.v1 for the global service.

Source: https://cloud.google.com/secret-manager/docs/reference/rpc/google.cloud.secretmanager.v1
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import google_crc32c
from google.cloud.secretmanager_v1 import types
from google.iam.v1.iam_policy_pb2 import (
    GetIamPolicyRequest,
    SetIamPolicyRequest,
    TestIamPermissionsRequest,
    TestIamPermissionsResponse,
)
from google.protobuf.empty_pb2 import Empty

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.iam import Policies, held
from localcloud.journal import Journal
from localcloud.paging import page
from localcloud.rest import RestService
from localcloud.rpc import RpcService, invalid_argument, pb, unary, unsupported
from localcloud.secret_store import Secret, SecretStore

LARGEST_PAYLOAD = 65_536  # bytes
LARGEST_PAGE = 25_000
MOST_TOPICS = 10
SOONEST_ROTATION = 300 * 10**9  # nanoseconds from now
SHORTEST_PERIOD = 3600  # seconds

Accessed = pb(types.AccessSecretVersionResponse)
ListSecretsResponse = pb(types.ListSecretsResponse)
ListSecretVersionsResponse = pb(types.ListSecretVersionsResponse)

PERMISSIONS = {
    *(f"secretmanager.secrets.{verb}" for verb in ("delete", "get", "getIamPolicy", "setIamPolicy", "update")),
    *(f"secretmanager.versions.{verb}" for verb in ("access", "add", "destroy", "disable", "enable", "get", "list")),
}

_PARENT = re.compile(r"projects/[^/]+")
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")
_KEPT = {"name", "replication", "create_time", "etag"}  # of a secret's fields, with those that can be changed
_CHANGEABLE = ("annotations", "expire_time", "labels", "rotation", "topics", "ttl", "version_destroy_ttl")


class SecretManagerService(RpcService):
    service = "google.cloud.secretmanager.v1.SecretManagerService"
    short = "secretmanager"

    def __init__(self, faults: Faults, clock: Clock, store: SecretStore) -> None:
        super().__init__(faults)
        self._clock = clock
        self._store = store
        self._policies = Policies(named=True)

    @unary(pb(types.CreateSecretRequest))
    async def CreateSecret(self, request: Any) -> Any:
        _check_parent(request.parent)
        if not _ID.fullmatch(request.secret_id):
            raise invalid_argument(f"Secret ID [{request.secret_id}] must match the pattern [a-zA-Z0-9_-]{{1,255}}.")
        if not request.secret.HasField("replication"):
            raise invalid_argument("Secret.replication must be provided.")
        other = {each.name for each, _ in request.secret.ListFields()} - _KEPT - set(_CHANGEABLE)
        if other:
            raise unsupported(f"the fields {', '.join(sorted(other))} of a secret")
        wanted = self._checked(request.secret, _CHANGEABLE)
        return self._store.create(f"{request.parent}/secrets/{request.secret_id}", wanted)

    @unary(pb(types.GetSecretRequest))
    async def GetSecret(self, request: Any) -> Any:
        return self._store.secret(request.name)

    @unary(pb(types.ListSecretsRequest))
    async def ListSecrets(self, request: Any) -> Any:
        _check_parent(request.parent)
        everything = self._store.secrets(request.parent)
        shown, token = _page(everything, request)
        return ListSecretsResponse(secrets=shown, next_page_token=token, total_size=len(everything))

    @unary(pb(types.DeleteSecretRequest))
    async def DeleteSecret(self, request: Any) -> Any:
        self._store.delete(request.name, request.etag)
        return Empty()

    @unary(pb(types.AddSecretVersionRequest))
    async def AddSecretVersion(self, request: Any) -> Any:
        payload = request.payload
        if not 0 < len(payload.data) <= LARGEST_PAYLOAD:
            raise invalid_argument(f"Secret Payload must have 1 to {LARGEST_PAYLOAD} bytes, not {len(payload.data)}.")
        checked = payload.HasField("data_crc32c")
        if checked and payload.data_crc32c != google_crc32c.value(payload.data):
            raise invalid_argument("The payload's data_crc32c does not match its data.")
        return self._store.add_version(request.parent, payload.data, checked)

    @unary(pb(types.GetSecretVersionRequest))
    async def GetSecretVersion(self, request: Any) -> Any:
        return self._store.version(request.name)

    @unary(pb(types.ListSecretVersionsRequest))
    async def ListSecretVersions(self, request: Any) -> Any:
        everything = self._store.versions(request.parent)
        shown, token = _page(everything, request)
        return ListSecretVersionsResponse(versions=shown, next_page_token=token, total_size=len(everything))

    @unary(pb(types.AccessSecretVersionRequest))
    async def AccessSecretVersion(self, request: Any) -> Any:
        name, data = self._store.access(request.name)
        return Accessed(name=name, payload={"data": data, "data_crc32c": google_crc32c.value(data)})

    @unary(pb(types.EnableSecretVersionRequest))
    async def EnableSecretVersion(self, request: Any) -> Any:
        return self._store.enable(request.name, True, request.etag)

    @unary(pb(types.DisableSecretVersionRequest))
    async def DisableSecretVersion(self, request: Any) -> Any:
        return self._store.enable(request.name, False, request.etag)

    @unary(pb(types.DestroySecretVersionRequest))
    async def DestroySecretVersion(self, request: Any) -> Any:
        return self._store.destroy(request.name, request.etag)

    @unary(pb(types.UpdateSecretRequest))
    async def UpdateSecret(self, request: Any) -> Any:
        paths = list(request.update_mask.paths)
        if not paths:
            raise invalid_argument("The update mask must name the fields to change.")
        for path in paths:
            if path not in _CHANGEABLE:
                raise invalid_argument(f"{path} cannot be changed: the mask may name {', '.join(_CHANGEABLE)}.")
        return self._store.update(request.secret, paths, lambda new: self._checked(new, paths))

    @unary(GetIamPolicyRequest)
    async def GetIamPolicy(self, request: Any) -> Any:
        return self._policies.get(self._identity(request.resource), request.options.requested_policy_version)

    @unary(SetIamPolicyRequest)
    async def SetIamPolicy(self, request: Any) -> Any:
        if request.HasField("update_mask"):
            raise unsupported("SetIamPolicy with update_mask")
        return self._policies.put(self._identity(request.resource), request.policy)

    @unary(TestIamPermissionsRequest)
    async def TestIamPermissions(self, request: Any) -> Any:
        """Of a secret that does not exist nothing is permitted, as documented."""
        permitted = await held(self.faults, request.resource, request.permissions, PERMISSIONS)
        return TestIamPermissionsResponse(permissions=permitted if self._store.has(request.resource) else [])

    def _checked(self, wanted: Any, fields: Sequence[str]) -> Any:
        """Of these fields; a lifetime as the moment it ends. Reminders and expiry are kept, not carried out."""
        secret = Secret()
        secret.CopyFrom(wanted)
        now = self._clock.time_ns()
        if secret.HasField("ttl"):
            secret.expire_time.FromNanoseconds(now + secret.ttl.ToNanoseconds())
        if "expire_time" in fields and secret.HasField("expire_time") and secret.expire_time.ToNanoseconds() <= now:
            raise invalid_argument("Secret.expire_time must be in the future.")
        if len(secret.topics) > MOST_TOPICS or any(not _TOPIC.fullmatch(each.name) for each in secret.topics):
            raise invalid_argument(f"Secret.topics must be up to {MOST_TOPICS} names such as projects/P/topics/T.")
        if "rotation" in fields and secret.HasField("rotation"):
            _check_rotation(secret, now)
        return secret

    def _identity(self, name: str) -> tuple[str, str]:
        """A policy belongs to the secret, not to its name. Raises NOT_FOUND."""
        created: int = self._store.secret(name).create_time.ToNanoseconds()
        return name, str(created)


class SecretManager:
    """`data` keeps secrets over restarts, readable for its owner only; without it they are in memory."""

    def __init__(self, clock: Clock, faults: Faults, data: Path | None) -> None:
        self._store = SecretStore(clock, Journal(data / "journal") if data else None)
        self._rpcs = [SecretManagerService(faults, clock, self._store)]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        self._store.close()


def _check_rotation(secret: Any, now: int) -> None:
    rotation = secret.rotation
    if not secret.topics:
        raise invalid_argument("Secret.topics must be set to configure rotation.")
    if rotation.HasField("rotation_period") and rotation.rotation_period.seconds < SHORTEST_PERIOD:
        raise invalid_argument(f"Rotation.rotation_period must be at least {SHORTEST_PERIOD} s.")
    if not rotation.HasField("next_rotation_time"):
        raise invalid_argument("Rotation.next_rotation_time must be set.")
    if rotation.next_rotation_time.ToNanoseconds() < now + SOONEST_ROTATION:
        raise invalid_argument("Rotation.next_rotation_time must be at least 5 minutes from now.")


def _check_parent(parent: str) -> None:
    if not _PARENT.fullmatch(parent):
        raise invalid_argument(f"Resource [{parent}] is not a project, such as projects/my-project.")


def _page(everything: Sequence[Any], request: Any) -> tuple[Sequence[Any], str]:
    if request.filter:
        raise unsupported("filter in lists of Secret Manager")
    return page(everything, request, LARGEST_PAGE)
