"""What one version changes of another: in the texts, and in what they mean for services and resources. Pure.

Texts hold no secrets (a version with one in it was refused), so neither does this.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from director.documents.drafts import Draft
from director.documents.kinds import Site, kinds
from director.documents.loading import Blueprint
from director.strict import DocumentError, spelled
from director.versions.documents import blueprint
from director.versions.version import Contents

MOST_LINES = 20_000  # of one file: what compares lines takes time by their square

How = Literal["added", "removed", "changed"]
Things = Mapping[tuple[str, str, str], Mapping[str, Any]]  # by dataflow, kind and name


@dataclass(frozen=True, slots=True)
class FileChange:
    """`unified` is a unified diff of the two texts."""

    file: str
    how: How
    unified: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What is another: a `service` (what it is told), or a resource of a `kind`; or a part of the rest.

    `fields` are the places that differ, none of what is there in one version only.
    """

    how: How
    dataflow: str
    kind: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.kind} {self.name}" if self.name else self.kind
        places = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{self.how:7} {f'{self.dataflow}: ' if self.dataflow else ''}{where}{places}"


@dataclass(frozen=True, slots=True)
class Diff:
    """`unreadable` says why there are no effects, where one of the two no longer loads."""

    files: tuple[FileChange, ...]
    effects: tuple[Effect, ...]
    unreadable: str = ""

    def __str__(self) -> str:
        lines = [change.unified.rstrip("\n") for change in self.files]
        lines += [str(effect) for effect in self.effects]
        return "\n".join([*lines, *([self.unreadable] if self.unreadable else [])]) or "no difference"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def diff(old: Contents, new: Contents, environment: str | None = None) -> Diff:
    """`environment` is that for which the meaning is compared."""
    files = tuple(_files(old, new))
    try:
        return Diff(files, effects(_loaded(old, "from", environment), _loaded(new, "to", environment)))
    except _Unreadable as error:
        return Diff(files, (), str(error))


def effects(old: Blueprint, new: Blueprint) -> tuple[Effect, ...]:
    parts = ((_rest(old), _rest(new)), (_services(old), _services(new)), (_resources(old), _resources(new)))
    return tuple(effect for before, after in parts for effect in _compared(before, after))


class _Unreadable(Exception):
    pass


def _loaded(contents: Contents, side: str, environment: str | None) -> Blueprint:
    try:
        return blueprint(contents, environment)
    except DocumentError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        why = f"'{side}' no longer loads, so only texts are compared: {error.problems[0]}{more}"
        raise _Unreadable(why) from error


def _files(old: Contents, new: Contents) -> Iterator[FileChange]:
    for name in dict.fromkeys((*new.names, *old.names)):
        before, after = old.texts.get(name), new.texts.get(name)
        if before != after:
            how: How = "added" if before is None else "removed" if after is None else "changed"
            yield FileChange(name, how, _unified(name, before, after))


def _unified(name: str, before: str | None, after: str | None) -> str:
    sides = ("/dev/null" if before is None else f"a/{name}", "/dev/null" if after is None else f"b/{name}")
    old, new = _lines(before), _lines(after)
    if max(len(old), len(new)) > MOST_LINES:
        return f"--- {sides[0]}\n+++ {sides[1]}\n(too long to compare: {len(old):,} and {len(new):,} lines)\n"
    lines = difflib.unified_diff(old, new, *sides)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str | None) -> list[str]:
    """Cut at line feeds alone, so that nothing else that ends lines elsewhere is lost."""
    parts = (text or "").split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _services(one: Blueprint) -> Things:
    """As they are told it."""
    return {
        (flow, "service", name): {"config": found.config, "environment": found.environment}
        for (flow, name), found in one.configurations.items()
    }


def _resources(one: Blueprint) -> Things:
    """By kind and full name; and the documents that collections begin with."""
    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    site = Site(one.architecture.project_id, one.architecture.region)
    for flow, spec in one.architecture.dataflows.items():
        for kind in kinds().values():
            for resource in getattr(spec.resources, kind.name, ()):
                written = resource.model_dump(mode="json")
                found[flow, kind.name, kind.full_name(site, Draft(written)) or ""] = written
    for (flow, name), documents in one.seeds.items():
        found[flow, "seed documents", name] = documents
    return found


def _rest(one: Blueprint) -> Things:
    """What belongs to no single service or resource; of services, all but their configuration."""
    whole = one.architecture.model_dump(mode="json")
    flows = whole.pop("dataflows")
    found: dict[tuple[str, str, str], dict[str, Any]] = {("", "architecture", ""): whole}
    for name, flow in flows.items():
        del flow["resources"]
        for service in flow["services"].values():
            del service["config"]
        found[name, "dataflow", ""] = flow
    return found


def _compared(old: Things, new: Things) -> Iterator[Effect]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if before is None or after is None:
            yield Effect("added" if before is None else "removed", *key)
        elif fields := tuple(spelled(place) for place in _different((), before, after)):
            yield Effect("changed", *key, fields)


def _different(place: tuple[str | int, ...], before: Any, after: Any) -> Iterator[tuple[str | int, ...]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            if key not in before or key not in after:
                yield (*place, key)
            else:
                yield from _different((*place, key), before[key], after[key])
    elif before != after:
        yield place
