"""What a dataflow wants of every kind it uses, and who provides it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType
from typing import Any

from director.documents.kinds import Kind, kinds
from director.documents.loading import Blueprint
from director.provisioning.base import Context, Providers, Wanted
from director.provisioning.clients import Clients
from director.provisioning.protection import protection


def wanted(
    blueprint: Blueprint, dataflow: str, service_urls: Mapping[str, str] = MappingProxyType({})
) -> tuple[Wanted[Any], ...]:
    """The resources of a dataflow, kind by kind, each in the order of the document.

    What calls a service waits while its address is not among `service_urls`.
    """
    architecture = blueprint.architecture
    specs = architecture.dataflows[dataflow]
    context = Context(architecture, dataflow, blueprint.seeds, service_urls)
    return tuple(
        replace(
            _code(kind).wanted(context, spec),
            protection=protection(architecture, specs, kind, spec),
            enforced=spec.enforce,
        )
        for kind in kinds().values()
        for spec in getattr(specs.resources, kind.name)
    )


def providers(clients: Clients, blueprint: Blueprint) -> Providers:
    """Of the kinds that the blueprint uses: no client of Google's is opened for any other."""
    return {kind.name: _code(kind).provider(clients, blueprint) for kind in _used(blueprint)}


def _used(blueprint: Blueprint) -> Iterator[Kind]:
    flows = blueprint.architecture.dataflows.values()
    return (kind for kind in kinds().values() if any(getattr(flow.resources, kind.name) for flow in flows))


def _code(kind: Kind) -> Any:
    """Imported by name, as that of a plug-in is: a kind that nobody uses costs nothing."""
    return import_module(kind.code)
