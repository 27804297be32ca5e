"""The director itself: what both doors and the command line ask for."""

import getpass
import json
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from director.documents.configuration import Configuration
from director.documents.loading import Blueprint, load_texts
from director.errors import Busy, Misconfigured, Rejected, Unavailable, Unknown
from director.flow import Flow, Part, Planned, Resources
from director.iam.rights import Rights
from director.ledger.file import FileLedger
from director.ledger.leases import SECONDS, Lease
from director.ledger.ledger import Ledger, Record
from director.provisioning.base import Providers
from director.provisioning.drift import Drift, drift
from director.provisioning.journal import Journal
from director.provisioning.outcomes import Progress, Report, unheard
from director.provisioning.plan import Change, Plan
from director.provisioning.plan_document import PlanDocument, Shown
from director.provisioning.provisioner import Provisioner
from director.retries import Retries
from director.strict import DocumentError

Provide = Callable[[Blueprint], Providers]
Entitle = Callable[[Blueprint], Rights]
log = logging.getLogger(__name__)


class Director:
    """Plans, applies, verifies and tears down the dataflows of one blueprint, and tells services their configuration.

    Every method raises Unknown for a dataflow, service or resource that is not in the blueprint; those that look at
    Google raise Unavailable or Rejected where they cannot. Those that change something raise Busy while another does,
    Superseded where another took over, and Moved where `plan_hash` is not that of what would be done now. A call keeps
    to its end the blueprint there was when it began.

    Without a ledger the journal is in memory and ends with the process. With `rights`, what the links ask for is
    granted along with the resources, and withdrawn when the whole dataflow is gone.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        providers: Provide,
        retries: Retries,
        workers: int = 8,
        ledger: Ledger | None = None,
        lease_seconds: float = SECONDS,
        rights: Entitle | None = None,
    ) -> None:
        self._providers, self._rights = providers, rights
        self._retries, self._workers = retries, workers
        self._ledger = ledger or FileLedger()
        self._lease_seconds = lease_seconds
        self._blueprint = blueprint
        self._flows = self._flows_of(blueprint)
        self._changing: dict[str, threading.Lock] = {}
        self._shown = Shown()

    def renew(self, blueprint: Blueprint) -> None:
        """Takes another blueprint from the next call on.

        Raises Misconfigured for another architecture or project: leases and the journal are kept under their names.
        """
        old, new = self._blueprint.architecture, blueprint.architecture
        if (old.name, old.project_id) != (new.name, new.project_id):
            raise Misconfigured(
                f"architecture '{new.name}' of project '{new.project_id}' cannot take the place of '{old.name}' of "
                f"'{old.project_id}' in a director that runs; start another director for it"
            )
        self._flows, self._blueprint = self._flows_of(blueprint), blueprint

    @property
    def architecture(self) -> str:
        return self._blueprint.architecture.name

    def dataflows(self) -> tuple[str, ...]:
        return tuple(self._flows)

    def description(self, dataflow: str) -> dict[str, Any]:
        """What the dataflow is made of; nothing of any service's configuration."""
        flow = self._flow(dataflow)
        return {
            "name": dataflow,
            "description": flow.spec.description,
            "strategy": flow.spec.lifecycle.strategy,
            "services": list(flow.spec.services),
            "resources": [
                {"kind": one.kind, "name": one.full_name, "services": sorted(one.services)} for one in flow.resources
            ],
        }

    def plan(self, dataflow: str, service: str | None = None, resource: str | None = None) -> PlanDocument:
        """What apply would do; of one service or one resource, with what these need. A resource is `KIND/NAME`."""
        return self._shown.show(self._flow(dataflow).plan(Part(service, resource)).document)

    def apply(
        self,
        dataflow: str,
        plan_hash: str | None = None,
        progress: Progress = unheard,
        *,
        service: str | None = None,
        resource: str | None = None,
        alone: bool = False,
        adopt: bool = False,
        who: str | None = None,
        operation: str | None = None,
        service_urls: Mapping[str, str] | None = None,
    ) -> Report:
        """Makes everything as wanted. With `adopt`, what is ours and not in the journal counts as made by us.

        A `resource` that is meant `alone` comes without what it needs.
        `service_urls` are the addresses of services that were deployed, for the resources that call them.
        """
        flow, part = self._flow(dataflow).calling(service_urls or {}), Part(service, resource, alone)
        resources = flow.part(part)
        with self._alone(flow, who, operation) as journal:
            unexplained = any(entry.pending for entry in journal.entries.values())
            planned = flow.plan(part, certain=unexplained)
            self._shown.check(plan_hash, planned.document)
            journal.explain(planned.world, {one.key for one in flow.resources})
            if adopt:
                _adopt(journal, flow.part(part), planned)
            report = flow.apply(resources, planned.world, journal, progress)
            if part.whole and all(one.good for one in report):
                _keep(journal, flow.blueprint)
            return report

    def verify(self, dataflow: str, service: str | None = None) -> Plan:
        """What is not as wanted, of the dataflow or of what one service is linked to; empty when all is well."""
        return _undone(self._flow(dataflow).plan(Part(service)).document)

    def missing(self, dataflow: str, service: str) -> Plan:
        """As `verify` of the service, at most a second old: for services that start, many at a time.

        What waits for services to be there keeps none from starting.
        """
        return tuple(change for change in _undone(self._flow(dataflow).missing(service)) if change.action != "wait")

    def drift(self, dataflow: str) -> tuple[Drift, ...]:
        """Each field that is not as wanted, and whether the world or the document has moved."""
        flow = self._flow(dataflow)
        return drift(flow.resources, flow.observe(flow.resources), self._ledger.entries(flow.scope))

    def teardown_plan(self, dataflow: str, service: str | None = None, resource: str | None = None) -> PlanDocument:
        """What teardown would delete: all, what only one service is linked to, or one resource; and why the rest stays.

        What a `confirm` is in it has to be confirmed by name before anything is deleted.
        """
        flow = self._flow(dataflow)
        return self._shown.show(flow.teardown_plan(Part(service, resource), self._ledger.entries(flow.scope)).document)

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
        flow = self._flow(dataflow)
        flow.check_names(confirmed)
        with self._alone(flow, who, operation) as journal:
            planned = flow.teardown_plan(Part(service, resource), journal.entries)
            self._shown.check(plan_hash, planned.document)
            journal.explain(planned.world, {one.key for one in flow.resources})
            return flow.tear_down(planned, confirmed, journal, progress)

    def rollback_plan(self, dataflow: str) -> PlanDocument:
        """What would bring back what was last applied whole. Raises Unknown where nothing was, or it cannot be read."""
        flow = self._flow(dataflow)
        planned = flow.rollback_plan(self._before(flow, dataflow), self._ledger.entries(flow.scope))
        return self._shown.show(planned.document)

    def rollback(
        self,
        dataflow: str,
        plan_hash: str | None = None,
        confirmed: frozenset[str] = frozenset(),
        progress: Progress = unheard,
        *,
        who: str | None = None,
        operation: str | None = None,
    ) -> Report:
        """Brings that back, and deletes what was made since unless it is protected; data as in `teardown`.

        The document stays what it is: the next apply goes forward again.
        """
        flow = self._flow(dataflow)
        flow.check_names(confirmed)
        with self._alone(flow, who, operation) as journal:
            before = self._before(flow, dataflow)
            planned = flow.rollback_plan(before, journal.entries)
            self._shown.check(plan_hash, planned.document)
            journal.explain(planned.world, {one.key for one in (*before.resources, *flow.resources)})
            return flow.roll_back(before, planned, confirmed, journal, progress)

    def history(self, dataflow: str) -> Sequence[Record]:
        """The journal, oldest first."""
        return self._ledger.records(self._flow(dataflow).scope)

    def forget(self, before: datetime, most: int) -> int:
        """How many lines of the journal from before then were removed: at most so many of each dataflow."""
        return sum(self._ledger.forget(flow.scope, before, most) for flow in self._flows.values())

    def configuration(self, dataflow: str, service: str) -> Configuration:
        flow = self._flows.get(dataflow)
        if flow is None:
            raise Unknown(f"no service '{service}' in a dataflow '{dataflow}' here; check both names")
        return flow.configuration(service)

    def remember(self, plan: PlanDocument) -> None:
        """A plan that was shown by another process, so that `Moved` can say what moved since."""
        self._shown.show(plan)

    def _flow(self, dataflow: str) -> Flow:
        found = self._flows.get(dataflow)
        if found is None:
            raise Unknown(f"no dataflow '{dataflow}' here; check the name")
        return found

    def _flows_of(self, blueprint: Blueprint) -> dict[str, Flow]:
        provisioner = Provisioner(self._providers(blueprint), self._retries, self._workers)
        rights = self._rights(blueprint) if self._rights else None
        return {name: Flow(blueprint, name, provisioner, rights) for name in blueprint.architecture.dataflows}

    def _before(self, flow: Flow, dataflow: str) -> Flow:
        """As it was last applied whole."""
        kept = self._ledger.kept(flow.scope)
        if kept is None:
            raise Unknown(f"dataflow '{dataflow}' was never applied whole, so there is nothing to go back to")
        found = json.loads(kept)
        try:
            blueprint = load_texts(found["texts"], next(iter(found["texts"])), found["environment"])
        except DocumentError as error:  # by the rules of today
            lost = f"what was last applied whole to dataflow '{dataflow}' is no document any more"
            raise Unknown(f"{lost}, so nothing goes back to it: {error.problems[0]}") from error
        return self._flows_of(blueprint)[dataflow]

    @contextmanager
    def _alone(self, flow: Flow, who: str | None, operation: str | None) -> Iterator[Journal]:
        """With the lease, and a journal under it."""
        changing = self._changing.setdefault(flow.scope, threading.Lock())
        if not changing.acquire(blocking=False):
            raise Busy(f"dataflow '{flow.name}' is being applied already; ask again when that is done")
        try:
            with Lease(self._ledger, flow.scope, _holder(), self._lease_seconds) as lease:
                yield Journal(self._ledger, lease, operation or uuid.uuid4().hex, who or _person())
        finally:
            flow.changed()
            changing.release()


def _undone(plan: Iterable[Change]) -> Plan:
    return tuple(change for change in plan if change.action != "none")


def _adopt(journal: Journal, resources: Resources, planned: Planned) -> None:
    refused = {change.key for change in planned.document if change.action == "refuse"}
    for one in resources:
        entry = journal.entries.get(one.key)
        if planned.world[one.key] is not None and one.key not in refused and not (entry and entry.made):
            journal.adopt(one)


def _keep(journal: Journal, blueprint: Blueprint) -> None:
    """For a way back. What was applied is applied: without one, the next apply that is whole tries again."""
    try:
        journal.keep(json.dumps({"environment": blueprint.environment, "texts": dict(blueprint.texts)}))
    except (Unavailable, Rejected) as error:
        log.warning("what was applied is not kept, so a rollback goes further back: %s", error)


def _holder() -> str:
    return f"{_person()} (process {os.getpid()})"


def _person() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
