"""Who may do what: policies by the rules of google.iam.v1. They are kept, not enforced: here everyone is the owner.

Sources: https://cloud.google.com/iam/docs/reference/rpc/google.iam.v1, https://cloud.google.com/iam/docs/policies

A permission is taken away by a fault on its name, which TestIamPermissions meets as if it were a method:

    faults.add(Fault(method="pubsub.topics.publish", resource="*/topics/t", code="PERMISSION_DENIED"))
"""

import hashlib
import itertools
import re
from collections.abc import Collection, Iterable, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

import grpc
from google.iam.v1.policy_pb2 import Policy
from google.protobuf import json_format

from localcloud.faults import Call, Faults, Struck
from localcloud.rpc import RpcError, invalid_argument

CONDITIONAL = 3  # the version of policies that may have conditions
VERSIONS = (0, 1, CONDITIONAL)
NEVER_SET = b"\x00\x20\x01"  # the etag of a policy nobody has set

_ROLE = re.compile(r"(projects/[^/]+/|organizations/[^/]+/)?roles/[\w.]+", re.ASCII)
_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|"
    r"(user|serviceAccount|group|domain|projectOwner|projectEditor|projectViewer|principal|principalSet|deleted):\S+"
)


class Policies:
    """The policy of each resource; it ends with the resource, and with the process.

    Resources are objects that live as long as what they stand for; or, with `named`, names that are never used again.
    """

    def __init__(self, named: bool = False) -> None:
        self._policies: MutableMapping[Any, Any] = {} if named else WeakKeyDictionary()
        self._etags = itertools.count(1)

    def get(self, resource: Any, version: int) -> Any:
        return shown(self._policies.get(resource, Policy(etag=NEVER_SET)), version)

    def put(self, resource: Any, wanted: Any) -> Any:
        """Raises INVALID_ARGUMENT, or ABORTED when the policy is no longer the one that had this etag."""
        check(wanted)
        if wanted.etag and wanted.etag != self.get(resource, CONDITIONAL).etag:
            message = "There were concurrent policy changes. Please retry the whole read-modify-write."
            raise RpcError(grpc.StatusCode.ABORTED, message)
        policy = _copy(wanted)
        policy.version = wanted.version or 1
        policy.etag = next(self._etags).to_bytes(8)
        self._policies[resource] = policy
        return policy


def policy_of(body: Any) -> Any:
    """A policy from JSON. Raises INVALID_ARGUMENT."""
    try:
        return json_format.ParseDict(body if isinstance(body, dict) else {}, Policy())
    except json_format.ParseError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error


def json_of(policy: Any) -> dict[str, Any]:
    """A policy as JSON."""
    body: dict[str, Any] = json_format.MessageToDict(policy)
    return body


async def held(faults: Faults, resource: str, asked: Iterable[str], known: Collection[str]) -> list[str]:
    """Those of the permissions `asked` for that no fault takes away. Raises INVALID_ARGUMENT for one not `known`."""
    asked = list(asked)
    for permission in asked:
        if "*" in permission:
            raise invalid_argument("Permissions with wildcards (such as '*' or 'pubsub.*') are not allowed.")
        if permission not in known:
            raise invalid_argument(f"Permission {permission} is not valid for this resource.")
    return [permission for permission in asked if await _granted(faults, Call(permission, resource))]


async def _granted(faults: Faults, call: Call) -> bool:
    try:
        await faults.before(call)
    except Struck as struck:
        if struck.fault.action != "fail" or struck.fault.code != grpc.StatusCode.PERMISSION_DENIED.name:
            raise
        return False
    return True


def shown(policy: Any, version: int) -> Any:
    """A copy, as asked for: below version 3 bindings come without their condition, under a role nobody can have."""
    _check_version(version)
    copied = _copy(policy)
    if version < CONDITIONAL and _conditional(copied):
        _hide_conditions(copied)
    return copied


def check(policy: Any) -> None:
    """Raises INVALID_ARGUMENT for a policy that IAM would not take."""
    _check_version(policy.version)
    if policy.version < CONDITIONAL and _conditional(policy):
        raise invalid_argument(f"Policies with conditions must have version {CONDITIONAL}, not {policy.version}.")
    for binding in policy.bindings:
        if not _ROLE.fullmatch(binding.role):
            raise invalid_argument(f"Role {binding.role} is not valid.")
        for member in binding.members:
            if not _MEMBER.fullmatch(member):
                raise invalid_argument(f"The member {member} is of an unknown type: write such as user:EMAIL.")


def _check_version(version: int) -> None:
    if version not in VERSIONS:
        raise invalid_argument(f"Invalid policy version {version}: use 0, 1 or {CONDITIONAL}.")


def _conditional(policy: Any) -> bool:
    return any(binding.HasField("condition") for binding in policy.bindings)


def _hide_conditions(policy: Any) -> None:
    policy.version = 1
    for binding in policy.bindings:
        if binding.HasField("condition"):
            digest = hashlib.sha256(binding.condition.SerializeToString()).hexdigest()
            binding.role = f"{binding.role}_withcond_{digest[:20]}"
            binding.ClearField("condition")


def _copy(policy: Any) -> Any:
    copied = Policy()
    copied.CopyFrom(policy)
    return copied
