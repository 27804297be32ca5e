"""The director itself: what both doors and the command line ask for."""

import getpass
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from director import keys
from director.documents.configuration import Configuration
from director.documents.loading import Blueprint
from director.errors import Busy, Moved, Unknown
from director.keys import Key
from director.ledger.file import FileLedger
from director.ledger.leases import SECONDS, Lease
from director.ledger.ledger import Ledger, Record
from director.provisioning import teardown
from director.provisioning.base import Providers, Wanted
from director.provisioning.drift import Drift, drift
from director.provisioning.journal import Journal
from director.provisioning.parts import named, names
from director.provisioning.plan import Change, Plan, plan, with_needs
from director.provisioning.plan_document import PlanDocument, Purpose, facts
from director.provisioning.provisioner import Progress, Provisioner, Report, World, unheard
from director.resources.catalogue import wanted
from director.retries import Retries

PLANS_REMEMBERED = 64  # of those shown last, to say what has moved since


class Director:
    """Plans, applies, verifies and tears down the dataflows of one blueprint, and tells services their configuration.

    Every method raises Unknown for a dataflow, service or resource that is not in the blueprint; those that look at
    Google raise Unavailable or Rejected where they cannot. Those that change something raise Busy while another does,
    Superseded where another took over, and Moved where `plan_hash` is not that of what would be done now.

    Without a ledger the journal is in memory and ends with the process.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        providers: Providers,
        retries: Retries,
        workers: int = 8,
        ledger: Ledger | None = None,
        lease_seconds: float = SECONDS,
    ) -> None:
        self._blueprint = blueprint
        self._provisioner = Provisioner(providers, retries, workers)
        self._ledger = ledger or FileLedger()
        self._lease_seconds = lease_seconds
        flows = blueprint.architecture.dataflows
        self._wanted: Mapping[str, Sequence[Wanted[Any]]] = {name: wanted(blueprint, name) for name in flows}
        self._changing = {name: threading.Lock() for name in flows}
        self._shown: dict[str, PlanDocument] = {}

    @property
    def architecture(self) -> str:
        return self._blueprint.architecture.name

    def dataflows(self) -> tuple[str, ...]:
        return tuple(self._wanted)

    def description(self, dataflow: str) -> dict[str, Any]:
        """What the dataflow is made of; nothing of any service's configuration."""
        resources = self._resources(dataflow)
        spec = self._blueprint.architecture.dataflows[dataflow]
        return {
            "name": dataflow,
            "description": spec.description,
            "strategy": spec.lifecycle.strategy,
            "services": list(spec.services),
            "resources": [
                {"kind": one.kind, "name": one.full_name, "services": sorted(one.services)} for one in resources
            ],
        }

    def plan(self, dataflow: str, service: str | None = None, resource: str | None = None) -> PlanDocument:
        """What apply would do; of one service or one resource, with what these need. A resource is `KIND/NAME`."""
        resources = self._part(dataflow, service, resource)
        return self._shown_plan(
            self._plan(dataflow, service, resource, resources, self._provisioner.observe(resources))
        )

    def apply(
        self,
        dataflow: str,
        plan_hash: str | None = None,
        progress: Progress = unheard,
        *,
        service: str | None = None,
        resource: str | None = None,
        adopt: bool = False,
        who: str | None = None,
        operation: str | None = None,
    ) -> Report:
        """Makes everything as wanted. With `adopt`, what is ours and not in the journal counts as made by us."""
        resources = self._part(dataflow, service, resource)
        with self._alone(dataflow, who, operation) as journal:
            unexplained = any(entry.pending for entry in journal.entries.values())
            observed = self._provisioner.observe(resources, certain=unexplained)
            now = self._plan(dataflow, service, resource, resources, observed)
            self._agreed(plan_hash, now)
            journal.explain(observed, {one.key for one in self._resources(dataflow)})
            if adopt:
                _adopt(journal, resources, observed, now)
            return self._provisioner.apply(resources, observed, journal, progress)

    def verify(self, dataflow: str, service: str | None = None) -> Plan:
        """What is not as wanted, of the dataflow or of what one service is linked to; empty when all is well."""
        resources = self._part(dataflow, service, None)
        return tuple(change for change in self._provisioner.plan(resources) if change.action != "none")

    def drift(self, dataflow: str) -> tuple[Drift, ...]:
        """Each field that is not as wanted, and whether the world or the document has moved."""
        resources = self._resources(dataflow)
        return drift(resources, self._provisioner.observe(resources), self._ledger.entries(self._scope(dataflow)))

    def teardown_plan(self, dataflow: str, service: str | None = None, resource: str | None = None) -> PlanDocument:
        """What teardown would delete: all, what only one service is linked to, or one resource; and why the rest stays.

        What a `confirm` is in it has to be confirmed by name before anything is deleted.
        """
        return self._shown_plan(self._teardown_plan(dataflow, service, resource)[0])

    def teardown(
        self,
        dataflow: str,
        plan_hash: str | None = None,
        confirmed: frozenset[str] = frozenset(),
        progress: Progress = unheard,
        *,
        service: str | None = None,
        resource: str | None = None,
        who: str | None = None,
        operation: str | None = None,
    ) -> Report:
        """Deletes what is ours, recorded and unprotected; what holds data only where its name is in `confirmed`.

        Raises Unknown for a confirmed name that no resource here has.
        """
        resources = self._resources(dataflow)
        self._check_names(resources, confirmed)
        with self._alone(dataflow, who, operation) as journal:
            now, observed = self._teardown_plan(dataflow, service, resource)
            self._agreed(plan_hash, now)
            journal.explain(observed, {one.key for one in self._resources(dataflow)})
            asked = teardown.confirmable(change for change in now if change.action == "confirm")
            agreed = frozenset(key for key, called in asked.items() if called & confirmed)
            changes = {change.key: _agreed_to(change, agreed) for change in now}
            return self._provisioner.tear_down(resources, changes, agreed, journal, progress)

    def history(self, dataflow: str) -> Sequence[Record]:
        """The journal, oldest first."""
        self._resources(dataflow)
        return self._ledger.records(self._scope(dataflow))

    def configuration(self, dataflow: str, service: str) -> Configuration:
        found = self._blueprint.configurations.get((dataflow, service))
        if found is None:
            raise Unknown(f"no service '{service}' in a dataflow '{dataflow}' here; check both names")
        return found

    def remember(self, plan: PlanDocument) -> None:
        """A plan that was shown by another process, so that `Moved` can say what moved since."""
        self._shown_plan(plan)

    def _shown_plan(self, plan: PlanDocument) -> PlanDocument:
        self._shown[plan.hash] = plan
        for oldest in list(self._shown)[:-PLANS_REMEMBERED]:
            self._shown.pop(oldest, None)
        return plan

    def _plan(
        self,
        dataflow: str,
        service: str | None,
        resource: str | None,
        resources: Sequence[Wanted[Any]],
        observed: World,
    ) -> PlanDocument:
        changes = plan(resources, observed)
        return self._document(dataflow, "apply", service, resource, changes, resources, observed)

    def _teardown_plan(self, dataflow: str, service: str | None, resource: str | None) -> tuple[PlanDocument, World]:
        resources = self._resources(dataflow)
        chosen = frozenset(one.key for one in self._chosen(dataflow, service, resource))
        observed = self._provisioner.observe(resources, certain=True)
        entries = self._ledger.entries(self._scope(dataflow))
        found = teardown.candidates(resources, chosen, observed, entries)
        going = {change.key for change in found if change.action == "delete"}
        held = self._provisioner.holdings(
            [one for one in resources if one.key in going], frozenset(name for _, name in going)
        )
        changes = teardown.guarded(resources, found, observed, held)
        whole = service is None and resource is None
        changes += teardown.unrecorded(resources, entries) if whole else ()
        return self._document(dataflow, "teardown", service, resource, changes, resources, observed), observed

    def _document(
        self,
        dataflow: str,
        purpose: Purpose,
        service: str | None,
        resource: str | None,
        changes: tuple[Change, ...],
        resources: Sequence[Wanted[Any]],
        observed: World,
    ) -> PlanDocument:
        seeds = {keys.collection(name): one for (flow, name), one in self._blueprint.seeds.items() if flow == dataflow}
        found = dict.fromkeys((change.key for change in changes), "") | facts(resources, observed, seeds)
        return PlanDocument(self.architecture, dataflow, purpose, changes, found, service, resource).hashed()

    def _agreed(self, plan_hash: str | None, now: PlanDocument) -> None:
        """Raises Moved."""
        if plan_hash is None or plan_hash == now.hash:
            return
        shown = self._shown.get(plan_hash)
        moved = now.moved(shown) if shown else tuple(f"now {change}" for change in now if change.action != "none")
        raise Moved(
            f"plan {plan_hash[:12]} of dataflow '{now.dataflow}' no longer fits, so nothing was touched; "
            f"plan again and look at it ({now.hash[:12]} now)",
            moved,
        )

    def _part(self, dataflow: str, service: str | None, resource: str | None) -> Sequence[Wanted[Any]]:
        resources = self._resources(dataflow)
        if service is not None:
            self.configuration(dataflow, service)
            resources = with_needs(resources, (one for one in resources if service in one.services))
        if resource is not None:
            resources = with_needs(resources, [named(resources, resource)])
        return resources

    def _chosen(self, dataflow: str, service: str | None, resource: str | None) -> Sequence[Wanted[Any]]:
        """For a teardown: of a service, what no other is linked to."""
        resources = self._resources(dataflow)
        if service is not None:
            self.configuration(dataflow, service)
            resources = [one for one in resources if one.services == {service}]
        if resource is not None:
            resources = [named(resources, resource)]
        return resources

    def _check_names(self, resources: Sequence[Wanted[Any]], confirmed: frozenset[str]) -> None:
        known = {name for one in resources for name in names(one)}
        for name in sorted(confirmed - known):
            raise Unknown(f"no resource '{name}' here, so its loss cannot be confirmed; check the name")

    def _resources(self, dataflow: str) -> Sequence[Wanted[Any]]:
        found = self._wanted.get(dataflow)
        if found is None:
            raise Unknown(f"no dataflow '{dataflow}' here; check the name")
        return found

    def _scope(self, dataflow: str) -> str:
        return f"{self._blueprint.architecture.project_id}.{self.architecture}.{dataflow}"

    @contextmanager
    def _alone(self, dataflow: str, who: str | None, operation: str | None) -> Iterator[Journal]:
        """With the lease, and a journal under it."""
        if not self._changing[dataflow].acquire(blocking=False):
            raise Busy(f"dataflow '{dataflow}' is being applied already; ask again when that is done")
        try:
            with Lease(self._ledger, self._scope(dataflow), _holder(), self._lease_seconds) as lease:
                yield Journal(self._ledger, lease, operation or uuid.uuid4().hex, who or _person())
        finally:
            self._changing[dataflow].release()


def _adopt(journal: Journal, resources: Sequence[Wanted[Any]], observed: World, planned: PlanDocument) -> None:
    refused = {change.key for change in planned if change.action == "refuse"}
    for one in resources:
        entry = journal.entries.get(one.key)
        if observed[one.key] is not None and one.key not in refused and not (entry and entry.made):
            journal.adopt(one)


def _agreed_to(change: Change, agreed: frozenset[Key]) -> Change:
    return Change("delete", *change.key, change.reasons) if change.key in agreed else change


def _holder() -> str:
    return f"{_person()} (process {os.getpid()})"


def _person() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
