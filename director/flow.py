"""One dataflow of one blueprint: what it wants, what would be done to have it, and how that is carried out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from director import keys
from director.documents.configuration import Configuration
from director.documents.loading import Blueprint
from director.documents.model import Dataflow
from director.errors import Unknown
from director.iam.rights import GRANTS, Rights
from director.keys import Key
from director.ledger.ledger import Entry
from director.provisioning import rollback, teardown
from director.provisioning.base import Wanted
from director.provisioning.journal import Journal
from director.provisioning.outcomes import Progress, Report, all_untouched
from director.provisioning.parts import named, names
from director.provisioning.plan import Change, plan, with_needs
from director.provisioning.plan_document import PlanDocument, Purpose, facts
from director.provisioning.provisioner import Provisioner, World
from director.readiness import Readiness
from director.resources.catalogue import wanted

Resources = Sequence[Wanted[Any]]
Entries = Mapping[Key, Entry]


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a dataflow is meant: all of it, what one service is linked to, or one resource `KIND/NAME`.

    The resource comes with what it needs unless it is `alone`.
    """

    service: str | None = None
    resource: str | None = None
    alone: bool = False

    @property
    def whole(self) -> bool:
        return self.service is None and self.resource is None


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan to be shown, and the world it was made from."""

    document: PlanDocument
    world: World


class Flow:
    """Never changes: a director that gets another blueprint makes others. Methods raise Unknown for unknown parts."""

    def __init__(
        self,
        blueprint: Blueprint,
        name: str,
        provisioner: Provisioner,
        rights: Rights | None,
        service_urls: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Resources that call a service wait while its address is not in `service_urls`."""
        self._blueprint = blueprint
        self.name = name
        self._provisioner = provisioner
        self._rights = rights
        self._readiness = Readiness(provisioner.plan)
        self._parts: dict[Part, Resources] = {}
        self.resources: Resources = wanted(blueprint, name, service_urls)

    @property
    def scope(self) -> str:
        """What its lease and its journal are kept under."""
        architecture = self._blueprint.architecture
        return f"{architecture.project_id}.{architecture.name}.{self.name}"

    @property
    def spec(self) -> Dataflow:
        return self._blueprint.architecture.dataflows[self.name]

    @property
    def blueprint(self) -> Blueprint:
        return self._blueprint

    def calling(self, service_urls: Mapping[str, str]) -> "Flow":
        """The same once the addresses of these services are known."""
        if not service_urls:
            return self
        for service in service_urls:
            self.configuration(service)
        calling = Flow(self._blueprint, self.name, self._provisioner, self._rights, service_urls)
        calling._readiness = self._readiness  # what one of them changes, the other must not remember
        return calling

    def configuration(self, service: str) -> Configuration:
        found = self._blueprint.configurations.get((self.name, service))
        if found is None:
            raise Unknown(f"no service '{service}' in a dataflow '{self.name}' here; check both names")
        return found

    def part(self, part: Part) -> Resources:
        """With what its resources need, unless one is meant alone."""
        if part not in self._parts:
            self._parts[part] = self._part(part)
        return self._parts[part]

    def _part(self, part: Part) -> Resources:
        resources = self.resources
        if part.service is not None:
            self.configuration(part.service)
            resources = with_needs(resources, (one for one in resources if part.service in one.services))
        if part.resource is not None:
            chosen = (named(resources, part.resource),)
            resources = chosen if part.alone else with_needs(resources, chosen)
        return resources

    def check_names(self, confirmed: frozenset[str]) -> None:
        known = {name for one in self.resources for name in names(one)}
        for name in sorted(confirmed - known):
            raise Unknown(f"no resource '{name}' here, so its loss cannot be confirmed; check the name")

    def observe(self, resources: Resources, certain: bool = False) -> World:
        return self._provisioner.observe(resources, certain)

    def missing(self, service: str) -> tuple[Change, ...]:
        """Of what the service is linked to, at most a second old."""
        return self._readiness.missing(self.name, self.part(Part(service)), self.resources)

    def changed(self) -> None:
        """What was seen before does not count any more."""
        self._readiness.forget(self.name)

    def plan(self, part: Part, certain: bool = False) -> Planned:
        resources = self.part(part)
        world = self._provisioner.observe(resources, certain)
        changes = plan(resources, world) + self._granted(resources, part.whole)
        return Planned(self._document("apply", part, changes, resources, world), world)

    def teardown_plan(self, part: Part, entries: Entries) -> Planned:
        world = self._provisioner.observe(self.resources, certain=True)
        chosen = frozenset(one.key for one in self._chosen(part))
        found = teardown.candidates(self.resources, chosen, world, entries)
        changes = self._guarded(self.resources, found, world)
        changes += teardown.unrecorded(self.resources, entries) if part.whole else ()
        return Planned(self._document("teardown", part, changes, self.resources, world), world)

    def rollback_plan(self, before: "Flow", entries: Entries) -> Planned:
        """To what the dataflow was `before`; what was made since goes, unless it is protected or holds data."""
        since = rollback.since(before.resources, self.resources, entries)
        everything = (*before.resources, *since)
        world = self._provisioner.observe(everything, certain=True)
        going = rollback.candidates(teardown.dependents_first(since), world)
        changes = plan(before.resources, world) + before._granted(before.resources, whole=True)
        changes += self._guarded(everything, going, world)
        return Planned(self._document("rollback", WHOLE, changes, everything, world), world)

    def apply(self, resources: Resources, world: World, journal: Journal, progress: Progress) -> Report:
        """With the rights on each layer before the next, and in the end those that are to go."""
        rights = self._rights
        if rights is None:
            return self._provisioner.apply(resources, world, journal, progress)
        report = self._provisioner.apply(
            resources, world, journal, progress, lambda made: rights.grant(self.name, made)
        )
        if len(resources) < len(self.resources) or any(one.result == "refused" for one in report):
            return report
        return report + _told(rights.apply(self.name), progress)

    def tear_down(self, planned: Planned, confirmed: frozenset[str], journal: Journal, progress: Progress) -> Report:
        """Also the rights, once nothing of the dataflow is left: what stays is used with those it has."""
        changes = _confirmed(planned.document, confirmed)
        report = self._provisioner.tear_down(self.resources, changes, _agreed(changes, planned), journal, progress)
        gone = {one.key for one in report if one.result in ("deleted", "absent")}
        if self._rights is None or any(one.key not in gone for one in self.resources):
            return report
        return report + _told(self._rights.withdraw(self.name), progress)

    def roll_back(
        self, before: "Flow", planned: Planned, confirmed: frozenset[str], journal: Journal, progress: Progress
    ) -> Report:
        """First what was, which what stays may need; then away with the rest. With a refusal nothing is touched."""
        changes = _confirmed(planned.document, confirmed)
        if any(change.action in ("refuse", "confirm") for change in changes.values()):
            return all_untouched(changes.values(), progress)
        report = before.apply(before.resources, planned.world, journal, progress)
        if not all(one.good for one in report):
            return report
        since = tuple(one for one in self.resources if one.key in changes.keys() - {one.key for one in report})
        going = {one.key: changes[one.key] for one in since}
        everything = (*before.resources, *since)
        return report + self._provisioner.tear_down(everything, going, _agreed(going, planned), journal, progress)

    def _granted(self, resources: Resources, whole: bool) -> tuple[Change, ...]:
        if self._rights is None:
            return ()
        return self._rights.changes(self.name, [one.key for one in resources], part=not whole)

    def _guarded(self, resources: Resources, changes: Sequence[Change], world: World) -> tuple[Change, ...]:
        """Nothing that holds data goes without a word."""
        going = {change.key for change in changes if change.action == "delete"}
        asked = [one for one in resources if one.key in going]
        held = self._provisioner.holdings(asked, frozenset(name for _, name in going))
        return teardown.guarded(resources, changes, world, held)

    def _chosen(self, part: Part) -> Resources:
        """For a teardown: of a service, what no other is linked to."""
        resources = self.resources
        if part.service is not None:
            self.configuration(part.service)
            resources = [one for one in resources if one.services == {part.service}]
        if part.resource is not None:
            resources = [named(resources, part.resource)]
        return resources

    def _seeds(self) -> dict[Key, Any]:
        found = self._blueprint.seeds
        collections = self.spec.resources.firestore_collections
        return {
            keys.collection(one.name, one.database): found[self.name, one.name]
            for one in collections
            if (self.name, one.name) in found
        }

    def _document(
        self, purpose: Purpose, part: Part, changes: tuple[Change, ...], resources: Resources, world: World
    ) -> PlanDocument:
        found = dict.fromkeys((change.key for change in changes), "") | facts(resources, world, self._seeds())
        architecture = self._blueprint.architecture.name
        return PlanDocument(architecture, self.name, purpose, changes, found, part.service, part.resource).hashed()


def _told(report: Report, progress: Progress) -> Report:
    for outcome in report:
        progress(outcome)
    return report


def _confirmed(planned: PlanDocument, confirmed: frozenset[str]) -> dict[Key, Change]:
    """By resource what is to be done, with a delete for what somebody agreed to lose."""
    asked = teardown.confirmable(change for change in planned if change.action == "confirm")
    agreed = {key for key, called in asked.items() if called & confirmed}
    changes = (change for change in planned if change.kind != GRANTS)
    return {one.key: Change("delete", *one.key, one.reasons) if one.key in agreed else one for one in changes}


def _agreed(changes: Mapping[Key, Change], planned: Planned) -> frozenset[Key]:
    """Those whose data may go with them."""
    asked = {change.key for change in planned.document if change.action == "confirm"}
    return frozenset(key for key in asked & changes.keys() if changes[key].action == "delete")
