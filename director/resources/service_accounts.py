"""Service accounts, through IAM's plain JSON. They carry no labels: whose one is, only the journal knows.

An account that is deleted and made again has the old address, and none of the old one's rights: it is another account,
which its number tells. Within 30 days IAM gives the old one back by that number, while nobody has its address.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.auth.transport.requests import AuthorizedSession

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.accounts import ServiceAccount
from director.endpoints import base_url
from director.provisioning.base import Context, Holding, Observed, Provider, Wanted
from director.provisioning.clients import Clients
from director.provisioning.json_calls import json_answer
from director.provisioning.waiting import Waiting

PAGE = 100  # the most that one answer holds
PATIENCE = Waiting(budget=120.0)
_MASK = {"display_name": "displayName", "description": "description"}


@dataclass(frozen=True, slots=True)
class State:
    display_name: str = ""
    description: str = ""
    disabled: bool = False


def wanted(context: Context, spec: ServiceAccount) -> Wanted[State]:
    services = context.architecture.dataflows[context.dataflow].services
    return Wanted(
        *keys.service_account(context.project, spec.name),
        State(spec.display_name, spec.description, spec.disabled),
        owner=None,
        services=frozenset(name for name, service in services.items() if service.service_account == spec.name),
    )


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Accounts(clients.session("iam"), blueprint.architecture.project_id)


class Accounts:
    """The accounts of one project; the handle is the number that no other account ever has."""

    def __init__(self, session: AuthorizedSession, project: str, waiting: Waiting = PATIENCE) -> None:
        self._session = session
        self._project = project
        self._waiting = waiting

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        found = self._found(wanted.full_name)
        return None if found is None else _observed(found)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        return {each["email"]: _observed(each) for each in self._listed() if each["email"] in names}

    def create(self, wanted: Wanted[State]) -> None:
        """Returns when IAM finds it, which may be a while after it was made."""
        state = wanted.state
        described = {"displayName": state.display_name, "description": state.description}
        body = {"accountId": wanted.full_name.partition("@")[0], "serviceAccount": described}
        json_answer(self._session, "POST", self._url(), body)
        self._waiting.until(lambda: self._found(wanted.full_name) is not None, f"creating {wanted.full_name}")
        if state.disabled:
            self._turn(wanted.full_name, disabled=True)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        """By its number: one that was made anew meanwhile is not found, and looked at again."""
        number, state = observed.handle, wanted.state
        mask = ",".join(sorted(_MASK[name] for name in fields & set(_MASK)))
        if mask:
            described = {"displayName": state.display_name, "description": state.description}
            json_answer(self._session, "PATCH", self._url(number), {"serviceAccount": described, "updateMask": mask})
        if "disabled" in fields:
            self._turn(number, state.disabled)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """None: rights are the documents' to give, and keys it has none."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        json_answer(self._session, "DELETE", self._url(wanted.full_name))

    def _turn(self, name: str, disabled: bool) -> None:
        json_answer(self._session, "POST", f"{self._url(name)}:{'disable' if disabled else 'enable'}", {})

    def _found(self, name: str) -> Any:
        try:
            return json_answer(self._session, "GET", self._url(name))
        except NotFound:
            return None

    def _listed(self) -> Iterator[Any]:
        query = {"pageSize": str(PAGE)}
        while True:
            answer = json_answer(self._session, "GET", self._url(), query=query)
            yield from answer.get("accounts", ())
            if not answer.get("nextPageToken"):
                return
            query["pageToken"] = answer["nextPageToken"]

    def _url(self, name: str = "") -> str:
        """Of one account, by address or number; else of all."""
        accounts = f"{base_url('iam')}/v1/projects/{self._project}/serviceAccounts"
        return f"{accounts}/{name}" if name else accounts


def _observed(found: Any) -> Observed[State]:
    state = State(found.get("displayName", ""), found.get("description", ""), bool(found.get("disabled")))
    return Observed(state, None, found["uniqueId"])
