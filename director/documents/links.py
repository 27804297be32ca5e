"""What a document's links say: which service is told the name of which resource, and under which key. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from director import keys
from director.documents.drafts import Draft, link_entries, resources
from director.documents.kinds import Site, kinds
from director.documents.suffixes import unsuffixed
from director.names import variable_name
from director.positions import Location

_READ_AND_WRITTEN = {
    keys.TABLES: "TABLE",
    keys.VIEWS: "TABLE",
    keys.BUCKETS: "BUCKET",
    keys.COLLECTIONS: "COLLECTION",
}


@dataclass(frozen=True, slots=True)
class LinkDraft:
    """A link as written: the service, the key its configuration wants, and what the resource is called there.

    The key is empty where the link names none and there is none for this kind of resource.
    """

    service: str
    key: str
    value: str
    location: Location


def links(site: Site, dataflow: Draft) -> Iterator[LinkDraft]:
    """Every link to a configuration, with the full name it injects: what the service's client takes."""
    for _, _, value, link in _read(site, dataflow):
        service, key = link.text("name"), link.inner("lookup").text("key")
        if service and key and link.inner("lookup").text("method") != "env":
            yield LinkDraft(service, key, value, (*link.location, "lookup", "key"))


def variables(site: Site, dataflow: Draft, suffix: str | None = None) -> Iterator[LinkDraft]:
    """Every link to the environment of a service: its key is the variable, the same under every suffix of names."""
    for kind, name, value, link in _read(site, dataflow):
        service, lookup = link.text("name"), link.inner("lookup")
        if service and lookup.text("method") == "env":
            key = lookup.text("key")
            at = (*link.location, "lookup") if key is None else (*link.location, "lookup", "key")
            yield LinkDraft(service, key or named_after(kind, unsuffixed(name, suffix, kind), link), value, at)


def named_after(kind: str, name: str, link: Draft) -> str:
    """The variable of a link that names none: `INGESTION_TOPIC_ID`; empty where there is none."""
    ending = {keys.TOPICS: "TOPIC_ID", keys.SUBSCRIPTIONS: "SUB_ID"}.get(kind, "")
    if kind in _READ_AND_WRITTEN:
        written = {"producer_service", "producers"} & set(link.location)
        ending = f"{'WRITE' if written else 'READ'}_{_READ_AND_WRITTEN[kind]}"
    try:
        return variable_name(f"{re.sub('[^A-Z0-9_]', '_', name.upper())}_{ending}") if ending else ""
    except ValueError:
        return ""


def _read(site: Site, dataflow: Draft) -> Iterator[tuple[str, str, str, Draft]]:
    """Each link with kind, name and full name of its resource."""
    for kind in kinds().values():
        for resource in resources(dataflow, kind.name):
            name, value = resource.text("name"), kind.full_name(site, resource)
            if name and value:
                for link in link_entries(resource):
                    yield kind.name, name, value, link
