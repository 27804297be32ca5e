"""How an operation's end goes into the audit, whichever door it came in by. Pure."""

import hashlib
from typing import Any, Protocol

from director.operations.model import Operation


class Trail(Protocol):
    """A call that was recorded before it was made."""

    def end(self, result: str, **facts: str | None) -> None: ...


def record(trail: Trail, final: Operation) -> None:
    """The result, and a hash of what became of each resource."""
    report = digest("".join(one.model_dump_json() for one in final.resources))
    result = f"{final.state}: {final.fault.code}" if final.fault else final.state
    trail.end(result, operation=final.id, report_hash=report)


def good(outcome: Any) -> bool:
    return bool(outcome.good)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
