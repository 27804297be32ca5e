"""Where the policies of each kind are, through Google's clients where these keep conditions, else over REST."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Self

from google.api_core.gapic_v1.method import wrap_method
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.iam import Policy as StoragePolicy
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client as Storage
from google.iam.v1.iam_policy_pb2 import GetIamPolicyRequest, SetIamPolicyRequest
from google.iam.v1.policy_pb2 import Policy as Message
from google.protobuf.json_format import MessageToDict, ParseDict
from google.pubsub_v1 import PublisherClient
from grpc import Channel

from director import keys
from director.endpoints import base_url
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS
from director.iam.policies import CONDITIONAL, Door, Policy
from director.provisioning.base import CALL_TIMEOUT
from director.provisioning.clients import Clients
from director.provisioning.json_calls import json_answer

_VERSION_ASKED = {"options.requestedPolicyVersion": str(CONDITIONAL)}
_SECRETS = "google.cloud.secretmanager.v1.SecretManagerService"
_RUN_SERVICES, _RUN_JOBS = "google.cloud.run.v2.Services", "google.cloud.run.v2.Jobs"


@dataclass(frozen=True, slots=True)
class Doors:
    """The door of every kind that can have a policy; and a project's number."""

    by_kind: Mapping[str, Door]
    number_of: Callable[[str], str]

    @classmethod
    def open(cls, clients: Clients) -> Self:
        """Raises DefaultCredentialsError for Google without credentials."""
        pubsub, tables = PubSubDoor(clients.publisher), RestDoor(clients.session("bigquery"), table_url)
        projects, run = clients.session("cloudresourcemanager"), clients.channel("run")
        by_kind: dict[str, Door] = {
            keys.SCHEMAS: pubsub,
            keys.TOPICS: pubsub,
            keys.SUBSCRIPTIONS: pubsub,
            keys.TABLES: tables,
            keys.VIEWS: tables,
            keys.BUCKETS: BucketDoor(clients.storage),
            SECRETS: RpcDoor(clients.channel("secretmanager"), _SECRETS),
            keys.CLOUD_RUN_SERVICES: RpcDoor(run, _RUN_SERVICES),
            keys.CLOUD_RUN_JOBS: RpcDoor(run, _RUN_JOBS),
            PROJECTS: RestDoor(projects, project_url),
            ACCOUNTS: RestDoor(
                clients.session("iam"), _account_url, {"options.requestedPolicyVersion": str(CONDITIONAL)}
            ),
        }
        return cls(by_kind, cache(partial(_number, projects)))


class PubSubDoor:
    """Schemas, topics and subscriptions: one interface of Pub/Sub has the policies of all."""

    def __init__(self, client: PublisherClient) -> None:
        self._client: Any = client  # its hints do not know that retry may be None

    def get(self, name: str) -> Policy:
        return _json_of(self._client.get_iam_policy(request=_getting(name), retry=None, timeout=CALL_TIMEOUT))

    def put(self, name: str, policy: Policy) -> None:
        self._client.set_iam_policy(request=_setting(name, policy), retry=None, timeout=CALL_TIMEOUT)


class RpcDoor:
    """What a gRPC service has policies of, by plain calls: a client of its own would add nothing to them."""

    def __init__(self, channel: Channel, service: str) -> None:
        self._channel = channel
        self._service = service

    def get(self, name: str) -> Policy:
        return _json_of(self._call("GetIamPolicy", _getting(name)))

    def put(self, name: str, policy: Policy) -> None:
        self._call("SetIamPolicy", _setting(name, policy))

    def _call(self, method: str, request: Any) -> Any:
        call = self._channel.unary_unary(
            f"/{self._service}/{method}", type(request).SerializeToString, Message.FromString
        )
        metadata = [to_grpc_metadata({"resource": request.resource})]
        return wrap_method(call)(request, timeout=CALL_TIMEOUT, metadata=metadata)


class BucketDoor:
    """Buckets."""

    def __init__(self, client: Storage) -> None:
        self._client: Any = client

    def get(self, name: str) -> Policy:
        bucket = self._client.bucket(name)
        policy = bucket.get_iam_policy(requested_policy_version=CONDITIONAL, retry=None, timeout=CALL_TIMEOUT)
        found: dict[str, Any] = policy.to_api_repr()
        return found

    def put(self, name: str, policy: Policy) -> None:
        new = StoragePolicy.from_api_repr(copy.deepcopy(dict(policy)))  # it turns what it is given into sets
        self._client.bucket(name).set_iam_policy(new, retry=None, timeout=CALL_TIMEOUT)


class RestDoor:
    """What has `URL:getIamPolicy`. BigQuery's client refuses to ask for conditions, the others would be one more each.

    `query` is where the version is asked for outside the body.
    """

    def __init__(
        self, session: AuthorizedSession, url: Callable[[str], str], query: Mapping[str, str] | None = None
    ) -> None:
        self._session = session
        self._url = url
        self._query = query

    def get(self, name: str) -> Policy:
        body = {} if self._query else {"options": {"requestedPolicyVersion": CONDITIONAL}}
        return json_answer(self._session, "POST", f"{self._url(name)}:getIamPolicy", body, self._query)

    def put(self, name: str, policy: Policy) -> None:
        json_answer(self._session, "POST", f"{self._url(name)}:setIamPolicy", {"policy": policy})


def _getting(name: str) -> Any:
    return GetIamPolicyRequest(resource=name, options={"requested_policy_version": CONDITIONAL})


def _json_of(policy: Any) -> Policy:
    found: dict[str, Any] = MessageToDict(policy)
    return found


def _setting(name: str, policy: Policy) -> Any:
    return SetIamPolicyRequest(resource=name, policy=ParseDict(dict(policy), Message()))


def bucket_url(name: str) -> str:
    return f"{base_url('storage')}/storage/v1/b/{name}"


def table_url(name: str) -> str:
    project, dataset, table = name.split(".")
    return f"{base_url('bigquery')}/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}"


def project_url(name: str) -> str:
    return f"{base_url('cloudresourcemanager')}/v3/projects/{name}"


def _account_url(name: str) -> str:
    return f"{base_url('iam')}/v1/projects/-/serviceAccounts/{name}"


def _number(session: AuthorizedSession, project: str) -> str:
    name: str = json_answer(session, "GET", project_url(project))["name"]
    return name.removeprefix("projects/")
