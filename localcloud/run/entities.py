"""What services and jobs have in common: who and when, generations, etags, masks, and who may do what with them."""

import uuid
from typing import Any, ClassVar

import grpc
from google.iam.v1.iam_policy_pb2 import (
    GetIamPolicyRequest,
    SetIamPolicyRequest,
    TestIamPermissionsRequest,
    TestIamPermissionsResponse,
)

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.iam import Policies, held
from localcloud.rpc import RpcError, RpcService, not_found, unary, unsupported
from localcloud.storage.resources import project_number

CALLER = "owner@localcloud.invalid"
LARGEST_PAGE = 1_000


class Shelf(RpcService):
    """The door of one kind of resource, with everything of that kind, and its IAM policies."""

    short = "run"
    permissions: ClassVar[frozenset[str]]

    def __init__(self, faults: Faults, clock: Clock) -> None:
        super().__init__(faults)
        self.clock = clock
        self.kept: dict[str, Any] = {}
        self._policies = Policies(named=True)

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
        permitted = await held(self.faults, request.resource, request.permissions, self.permissions)
        return TestIamPermissionsResponse(permissions=permitted)

    def found(self, name: str) -> Any:
        if name not in self.kept:
            raise not_found(f"Resource '{name}' does not exist.")
        return self.kept[name]

    def below(self, parent: str, part: str) -> list[Any]:
        """Those of a parent, `-` for any; newest first."""
        wanted = parent.split("/")
        return [each for name, each in reversed(self.kept.items()) if _under(name.split("/"), [*wanted, part])]

    def begun(self, resource: Any, name: str) -> None:
        """The fields that Cloud Run sets once."""
        resource.name, resource.uid, resource.generation = name, str(uuid.uuid4()), 1
        resource.creator = CALLER
        resource.create_time.FromNanoseconds(self.clock.time_ns())
        self.touched(resource)

    def touched(self, resource: Any) -> None:
        resource.etag = f'"{uuid.uuid4().hex[:12]}"'
        resource.update_time.FromNanoseconds(self.clock.time_ns())

    def _identity(self, name: str) -> tuple[str, str]:
        """A policy belongs to the resource, not to its name. Raises NOT_FOUND."""
        return name, self.found(name).uid


def check_etag(resource: Any, etag: str) -> None:
    if etag and etag != resource.etag:
        message = f"Conflict for resource '{resource.name}': the etag {etag} is not that of its current version."
        raise RpcError(grpc.StatusCode.ABORTED, message)


def default_account(project: str) -> str:
    """The account that a resource runs as where it names none."""
    return f"{project_number(project)}-compute@developer.gserviceaccount.com"


def _under(name: list[str], parent: list[str]) -> bool:
    return len(name) == len(parent) + 1 and all(a in (b, "-") for a, b in zip(parent, name, strict=False))
