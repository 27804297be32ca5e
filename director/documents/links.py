"""What a document's links say: which service is told the name of which resource, and under which key. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from director.documents.drafts import Draft, link_entries, resources
from director.documents.kinds import Site, kinds
from director.positions import Location


@dataclass(frozen=True, slots=True)
class LinkDraft:
    """A link as written: the service, the key its configuration wants, and what the resource is called there."""

    service: str
    key: str
    value: str
    location: Location


def links(site: Site, dataflow: Draft) -> Iterator[LinkDraft]:
    """Every link of a dataflow that can be read, with the full name it injects: what the service's client takes."""
    for kind in kinds().values():
        for resource in resources(dataflow, kind.name):
            value = kind.full_name(site, resource)
            for link in link_entries(resource):
                service, key = link.text("name"), link.inner("lookup").text("key")
                if value and service and key:
                    yield LinkDraft(service, key, value, (*link.location, "lookup", "key"))
