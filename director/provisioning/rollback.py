"""The way back to what was last applied whole: that again, and away with what was made since. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from director.keys import Key
from director.ledger.ledger import Entry
from director.provisioning.base import Observed, Wanted
from director.provisioning.plan import Change, foreign

World = Mapping[Key, Observed[Any] | None]


def since(
    before: Sequence[Wanted[Any]], now: Sequence[Wanted[Any]], entries: Mapping[Key, Entry]
) -> tuple[Wanted[Any], ...]:
    """What the document has now and had not then, and the journal says that we made."""
    known = {one.key for one in before}
    return tuple(one for one in now if one.key not in known and entries.get(one.key, Entry()).made)


def candidates(made: Sequence[Wanted[Any]], observed: World) -> tuple[Change, ...]:
    """The change of each, before anybody looked for data in it. What somebody protects by name stays."""
    return tuple(_change(one, observed[one.key]) for one in made)


def _change(wanted: Wanted[Any], observed: Observed[Any] | None) -> Change:
    if observed is None:
        return Change("none", *wanted.key)
    if wanted.owner and observed.owner != wanted.owner:
        return Change("keep", *wanted.key, (foreign(observed.owner),))
    if wanted.protection.said and wanted.protection.policy != "DELETE":
        return Change("keep", *wanted.key, (f"{wanted.protection.policy}: {wanted.protection.because}",))
    return Change("delete", *wanted.key, ("was made after what is gone back to",))
