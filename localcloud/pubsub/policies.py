"""The door for policies of topics, subscriptions and schemas: google.iam.v1.IAMPolicy.

Source: https://cloud.google.com/pubsub/docs/access-control
"""

from typing import Any

import grpc
from google.iam.v1.iam_policy_pb2 import (
    GetIamPolicyRequest,
    SetIamPolicyRequest,
    TestIamPermissionsRequest,
    TestIamPermissionsResponse,
)

from localcloud.faults import Faults
from localcloud.iam import Policies, held
from localcloud.pubsub import names
from localcloud.pubsub.exchange import Exchange
from localcloud.rpc import RpcError, RpcService, unary

COMMON = ("delete", "get", "getIamPolicy", "setIamPolicy", "update")
PERMISSIONS = {
    "topics": {f"pubsub.topics.{verb}" for verb in (*COMMON, "attachSubscription", "detachSubscription", "publish")},
    "subscriptions": {f"pubsub.subscriptions.{verb}" for verb in (*COMMON, "consume")},
    "schemas": {
        f"pubsub.schemas.{verb}"
        for verb in ("attach", "commit", "delete", "get", "getIamPolicy", "listRevisions", "rollback", "setIamPolicy")
    },
}


class IamPolicy(RpcService):
    service = "google.iam.v1.IAMPolicy"
    short = "pubsub"

    def __init__(self, faults: Faults, exchange: Exchange) -> None:
        super().__init__(faults)
        self._exchange = exchange
        self._policies = Policies()

    @unary(GetIamPolicyRequest)
    async def GetIamPolicy(self, request: Any) -> Any:
        return self._policies.get(self._found(request.resource), request.options.requested_policy_version)

    @unary(SetIamPolicyRequest)
    async def SetIamPolicy(self, request: Any) -> Any:
        if request.HasField("update_mask"):
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "localcloud does not support SetIamPolicy with update_mask.")
        return self._policies.put(self._found(request.resource), request.policy)

    @unary(TestIamPermissionsRequest)
    async def TestIamPermissions(self, request: Any) -> Any:
        """For a resource that does not exist the answer is that nothing is permitted, as documented."""
        name, known = request.resource, PERMISSIONS[_kind(request.resource)]
        permitted = await held(self.faults, name, request.permissions, known)
        exists = name in self._exchange.topics or name in self._exchange.subscriptions
        exists = exists or self._exchange.schemas.has(name)
        return TestIamPermissionsResponse(permissions=permitted if exists else [])

    def _found(self, name: str) -> Any:
        """What has the name: a policy belongs to it, not to its name. Raises NOT_FOUND."""
        kind = _kind(name)
        if kind == "schemas":
            return self._exchange.schemas.lifetime(name)
        return self._exchange.topic(name) if kind == "topics" else self._exchange.subscription(name)


def _kind(name: str) -> str:
    """Raises INVALID_ARGUMENT for no name, UNIMPLEMENTED for one of a snapshot."""
    kind = name.split("/")[2] if name.count("/") == 3 else ""
    if kind == "snapshots":
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"localcloud does not support IAM policies of {kind}.")
    names.check_name(name, kind if kind in PERMISSIONS else "topics")
    return kind
