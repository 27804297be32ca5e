"""One dataflow as the rules of `links` see it, and who the members of its bindings are. Pure."""

from dataclasses import dataclass

from director import keys
from director.documents.model import Architecture, Dataflow
from director.documents.specs.pubsub import Subscription
from director.iam.bindings import PROJECTS, Binding
from director.keys import Key
from director.provisioning.base import Context


def agent_of(number: str) -> str:
    """Pub/Sub's service agent in the project of this number."""
    return f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"


def secrets_agent_of(number: str) -> str:
    """Secret Manager's. https://cloud.google.com/iam/docs/service-agents"""
    return f"serviceAccount:service-{number}@gcp-sa-secretmanager.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Scope:
    """One dataflow of an architecture, in the project of this `number`."""

    architecture: Architecture
    name: str
    number: str

    @property
    def project(self) -> str:
        return self.architecture.project_id

    @property
    def dataflow(self) -> Dataflow:
        return self.architecture.dataflows[self.name]

    @property
    def context(self) -> Context:
        return Context(self.architecture, self.name, {})

    @property
    def agent(self) -> str:
        return agent_of(self.number)

    def member(self, account: str) -> str:
        """An account by its address, or by its name in this project."""
        return f"serviceAccount:{account if '@' in account else keys.service_account(self.project, account)[1]}"

    def of_service(self, service: str, resource: Key, role: str, does: str) -> Binding:
        account = self.dataflow.services[service].service_account
        return self.of_member(self.member(account), resource, role, f"{self.name}/{service} {does}")

    def of_agent(self, spec: Subscription, resource: Key, role: str, does: str) -> Binding:
        reason = f"Pub/Sub itself {does} for {self.name}'s subscription {spec.name}"
        return self.of_member(self.agent, resource, role, reason)

    def of_member(self, member: str, resource: Key, role: str, reason: str) -> Binding:
        return Binding(*resource, role, member, (reason,), frozenset({self.name}))

    def on_project(self) -> Key:
        return PROJECTS, self.project
