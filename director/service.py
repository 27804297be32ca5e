"""The director itself: what both doors and the command line ask for."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from director.configuration import Configuration
from director.documents import Blueprint
from director.errors import Busy, Unknown
from director.resources.base import Providers, Wanted
from director.resources.catalogue import wanted
from director.resources.plan import Plan, with_needs
from director.resources.provisioner import Provisioner, Report
from director.resources.retries import Retries


class Director:
    """Plans, applies and verifies the dataflows of one blueprint, and tells services their configuration.

    Every method raises Unknown for a dataflow or service that is not in the blueprint; those that look at Google raise
    Unavailable or Rejected where they cannot.
    """

    def __init__(self, blueprint: Blueprint, providers: Providers, retries: Retries, workers: int = 8) -> None:
        self._blueprint = blueprint
        self._provisioner = Provisioner(providers, retries, workers)
        names = blueprint.architecture.dataflows
        self._wanted: Mapping[str, Sequence[Wanted[Any]]] = {name: wanted(blueprint, name) for name in names}
        self._applying = {name: threading.Lock() for name in names}

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

    def plan(self, dataflow: str) -> Plan:
        return self._provisioner.plan(self._resources(dataflow))

    def apply(self, dataflow: str) -> Report:
        """Raises Busy while another apply of the same dataflow runs here."""
        resources = self._resources(dataflow)
        with self._alone(dataflow):
            return self._provisioner.apply(resources)

    def verify(self, dataflow: str, service: str | None = None) -> Plan:
        """What is not as wanted, of the dataflow or of what one service is linked to; empty when all is well."""
        resources = self._resources(dataflow)
        if service is not None:
            self.configuration(dataflow, service)
            resources = with_needs(resources, (one for one in resources if service in one.services))
        return tuple(change for change in self._provisioner.plan(resources) if change.action != "none")

    def configuration(self, dataflow: str, service: str) -> Configuration:
        found = self._blueprint.configurations.get((dataflow, service))
        if found is None:
            raise Unknown(f"no service '{service}' in a dataflow '{dataflow}' here; check both names")
        return found

    def _resources(self, dataflow: str) -> Sequence[Wanted[Any]]:
        found = self._wanted.get(dataflow)
        if found is None:
            raise Unknown(f"no dataflow '{dataflow}' here; check the name")
        return found

    @contextmanager
    def _alone(self, dataflow: str) -> Iterator[None]:
        if not self._applying[dataflow].acquire(blocking=False):
            raise Busy(f"dataflow '{dataflow}' is being applied already; ask again when that is done")
        try:
            yield
        finally:
            self._applying[dataflow].release()
