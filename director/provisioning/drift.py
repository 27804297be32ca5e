"""Where the world is not what the document says, field by field, and which of the two has moved. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from director.keys import Key
from director.ledger.ledger import Entry
from director.provisioning.base import Observed, Wanted
from director.provisioning.fingerprints import fingerprint, plain
from director.provisioning.plan import foreign, verdicts

Moved = Literal["world", "document", "unknown"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One field of one resource; an empty field is the resource as a whole. `live` and `wanted` are JSON's types.

    `moved` is the world where the document still says what was last applied, and unknown where nothing was.
    `enforced` where the document wants that put right without being asked.
    """

    kind: str
    name: str
    field: str
    live: Any
    wanted: Any
    reason: str
    moved: Moved
    mendable: bool  # by an apply
    enforced: bool = False

    def __str__(self) -> str:
        which = f"{self.kind} {self.name}" + (f" {self.field}" if self.field else "")
        mend = " (apply cannot mend it)" if not self.mendable else " (enforced)" if self.enforced else ""
        return f"{which}: {self.reason}; moved: {self.moved}{mend}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def drift(
    wanted: Sequence[Wanted[Any]], observed: Mapping[Key, Observed[Any] | None], entries: Mapping[Key, Entry]
) -> tuple[Drift, ...]:
    """In the order of the document."""
    return tuple(
        difference for one in wanted for difference in _of(one, observed[one.key], entries.get(one.key, Entry()))
    )


def _of(wanted: Wanted[Any], observed: Observed[Any] | None, entry: Entry) -> list[Drift]:
    moved = _moved(wanted, entry)
    enforced = wanted.enforced and moved == "world"  # a document that moved is applied by those who moved it
    if observed is None and wanted.waits:
        return []
    if observed is None:
        return [Drift(*wanted.key, "", None, "exists", "does not exist", moved, True, enforced)]
    if wanted.owner and observed.owner != wanted.owner:
        return [Drift(*wanted.key, "", "foreign", "ours", foreign(observed.owner), "world", False)]
    return [
        Drift(
            *wanted.key,
            field,
            plain(getattr(observed.state, field)),
            plain(getattr(wanted.state, field)),
            verdict.reason,
            moved,
            verdict.action == "update",
            enforced and verdict.action == "update",
        )
        for field, verdict in verdicts(wanted.state, observed.state).items()
    ]


def _moved(wanted: Wanted[Any], entry: Entry) -> Moved:
    if not entry.wanted:
        return "unknown"
    return "world" if entry.wanted == fingerprint(wanted.state) else "document"
