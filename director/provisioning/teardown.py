"""The plan for nothing: what of a dataflow may be deleted, and why the rest stays. Pure.

Deleted is only what carries our labels, was made by us according to the journal, and is not protected; what holds data
only where somebody confirms it by name. What something else still needs stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from director import keys
from director.keys import Key
from director.ledger.ledger import Entry
from director.provisioning.base import Holding, Observed, Wanted
from director.provisioning.plan import Change, foreign, layers, users

World = Mapping[Key, Observed[Any] | None]


def candidates(
    wanted: Sequence[Wanted[Any]], chosen: frozenset[Key], observed: World, entries: Mapping[Key, Entry]
) -> tuple[Change, ...]:
    """The change of each chosen resource, dependents first, before anybody looked for data in what would go."""
    changes: dict[Key, Change] = {}
    for one in dependents_first(wanted):
        if one.key in chosen:
            changes[one.key] = _change(one, observed[one.key], entries.get(one.key, Entry()))
    return settled(wanted, changes, observed)


def guarded(
    wanted: Sequence[Wanted[Any]], changes: Iterable[Change], observed: World, held: Mapping[Key, Holding]
) -> tuple[Change, ...]:
    """The same with what is held taken into account."""
    found = {change.key: _with_data(change, held.get(change.key)) for change in changes}
    return settled(wanted, found, observed)


def settled(wanted: Sequence[Wanted[Any]], changes: Mapping[Key, Change], observed: World) -> tuple[Change, ...]:
    """What is needed by something that stays, stays."""
    found: dict[Key, Change] = {}
    using = users(wanted)
    for one in dependents_first(wanted):
        if one.key in changes:
            found[one.key] = _needed(one, changes[one.key], using.get(one.key, ()), found, observed)
    return tuple(found.values())


def dependents_first(wanted: Iterable[Wanted[Any]]) -> list[Wanted[Any]]:
    return [one for layer in reversed(layers(wanted)) for one in layer]


def unrecorded(wanted: Iterable[Wanted[Any]], entries: Mapping[Key, Entry]) -> tuple[Change, ...]:
    """What we made once and the document no longer speaks of: said, and left alone."""
    known = {one.key for one in wanted}
    reason = "made by us, but no longer in the document; put it back there to have it deleted, or delete it by hand"
    return tuple(Change("keep", *key, (reason,)) for key, entry in entries.items() if entry.made and key not in known)


def confirmable(changes: Iterable[Change]) -> dict[Key, frozenset[str]]:
    """By which names each resource may be called; a short one only where it means no other of those asked about."""
    asked = list(changes)
    short = [short_name(change.key) for change in asked]
    return {
        change.key: frozenset({change.name, f"{change.kind}/{name}", *([name] if short.count(name) == 1 else [])})
        for change, name in zip(asked, short, strict=True)
    }


def short_name(key: Key) -> str:
    """As in documents. Names of buckets, topics and subscriptions may have dots in them."""
    kind, full_name = key
    if kind == keys.SERVICE_ACCOUNTS:
        return full_name.partition("@")[0]
    return full_name.rpartition("." if kind in (keys.DATASETS, keys.TABLES, keys.VIEWS) else "/")[2]


def _change(wanted: Wanted[Any], observed: Observed[Any] | None, entry: Entry) -> Change:
    if observed is None:
        return Change("none", *wanted.key)
    protection = wanted.protection
    if wanted.owner and observed.owner != wanted.owner:
        return Change("keep", *wanted.key, (foreign(observed.owner),))
    if protection.policy != "DELETE":
        return Change("keep", *wanted.key, (f"{protection.policy}: {protection.because}",))
    if not entry.made:
        reason = "the journal does not say that we made it; look whose it is, and delete it by hand or `apply --adopt`"
        return Change("keep", *wanted.key, (reason,))
    return Change("delete", *wanted.key, (protection.because,))


def _with_data(change: Change, held: Holding | None) -> Change:
    if change.action != "delete" or held is None:
        return change
    if held.others:
        return Change("keep", *change.key, (f"holds what this teardown does not delete: {held.what}",))
    reason = f"would lose {held.what}; to want that, confirm {short_name(change.key)}"
    return Change("confirm", *change.key, (reason,))


def _needed(
    one: Wanted[Any], change: Change, users: Iterable[Wanted[Any]], decided: Mapping[Key, Change], observed: World
) -> Change:
    if change.action not in ("delete", "confirm"):
        return change
    for user in users:
        stays = user.key not in decided or decided[user.key].action == "keep"
        if stays and observed[user.key] is not None:
            return Change("keep", *one.key, (f"is needed by {user.kind} {user.full_name}, which stays",))
    return change
