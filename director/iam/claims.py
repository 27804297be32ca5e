"""Which grants the director itself put there, and who wants them: without it nobody could tell what to take back.

A grant that was there before is wanted like any other, and yet never ours to take away. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from director.iam.bindings import Grant
from director.keys import Key


@dataclass(frozen=True, slots=True)
class Claim:
    """Of one grant on one resource: whether we put it there, and `architecture/dataflow` of all that want it.

    One that nobody wants is about to be taken away.
    """

    ours: bool
    by: frozenset[str]


Claimed = Mapping[Grant, Claim]
Edit = Callable[[Claimed], Claimed]


class Claims(Protocol):
    """Claims by resource. A change is whole or nothing, and no other comes between.

    Raises google.api_core.exceptions or OSError.
    """

    def all(self) -> Mapping[Key, Claimed]: ...
    def change(self, resource: Key, edit: Edit) -> Claimed: ...
