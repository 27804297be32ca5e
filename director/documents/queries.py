"""Queries of views say `${project_id}` for the project they are in, which is another in each environment. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from director.documents.drafts import Draft, resources
from director.documents.kinds import Finding
from director.keys import VIEWS
from director.positions import Location, Tree
from director.strict import Source

PROJECT = "${project_id}"


def filled(source: Source) -> Source:
    """The document with the project's id in its queries."""
    whole = Draft(source.data if isinstance(source.data, dict) else {})
    project = whole.text("project_id")
    places = [(*view.location, "query") for view in _views(whole) if PROJECT in (view.text("query") or "")]
    if not project or not places:
        return source
    data = whole.data
    for place in places:
        data = _with(data, place, project)
    return Source(source.name, Tree(data, source.tree.values, source.tree.keys), source.grafts)


def strays(base: Draft, changed: Draft) -> Iterator[Finding]:
    """Queries that in another project still read from that of the base."""
    before, now = base.text("project_id"), changed.text("project_id")
    if before and now and before != now:
        for view in _views(changed):
            if re.search(rf"(?<![\w-]){re.escape(before)}`?\.", view.text("query") or ""):
                message = f"still reads from project '{before}', while this is '{now}'; write {PROJECT} in its place"
                yield (*view.location, "query"), message


def _views(architecture: Draft) -> Iterator[Draft]:
    for dataflow in architecture.children("dataflows").values():
        yield from resources(dataflow, VIEWS)


def _with(data: Any, place: Location, project: str) -> Any:
    """A copy, as far as it is another."""
    if not place:
        return data.replace(PROJECT, project)
    copy: Any = list(data) if isinstance(data, list) else dict(data)
    copy[place[0]] = _with(data[place[0]], place[1:], project)
    return copy
