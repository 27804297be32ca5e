"""Which filters we want, what we asked the broker for, and what it answered. Pure; its owner's lock guards it.

Requests and answers belong to one connection; what the broker grants belongs to the session, which may outlive many.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

QOS_1 = 1
FAILURE = 0x80  # the first of the reason codes that mean "no"


class Request(NamedTuple):
    """Filters of one SUBSCRIBE or UNSUBSCRIBE."""

    subscribe: bool
    filters: Sequence[str]


class Subscriptions:
    """`gone` are filters that the session may have from before and that are not wanted."""

    def __init__(self, wanted: Iterable[str], gone: Iterable[str] = ()) -> None:
        self._wanted = dict.fromkeys(wanted)
        self._gone = dict.fromkeys(gone)
        self._granted: set[str] = set()
        self._asked: dict[str, bool] = {}  # what was last asked for a filter on this connection: to subscribe, or not
        self._open: dict[int, Request] = {}
        self.refused: list[str] = []

    def want(self, filters: Iterable[str]) -> None:
        """These, and none but these. What was refused is due again."""
        wanted = dict.fromkeys(filters)
        gone = [*self._gone, *self._wanted]
        self._gone = {one: None for one in gone if one not in wanted}
        self._wanted = wanted
        for one in self.refused:
            self._asked.pop(one, None)
        self.refused.clear()

    def connected(self, resumed: bool, ask_again: bool) -> None:
        """A new connection. Where the session was resumed, `ask_again` says whether granted filters are due as well."""
        if not resumed:
            self._granted.clear()
            self._gone.clear()
        self._open.clear()
        self.refused.clear()
        self._asked = {} if ask_again else dict.fromkeys(self._granted, True)

    def due(self) -> list[Request]:
        """What to ask for now. First what is new: of two filters that overlap, the new one takes over without a gap."""
        new = [one for one in self._wanted if self._asked.get(one) is not True]
        gone = [one for one in self._gone if self._asked.get(one) is not False]
        self._asked |= dict.fromkeys(new, True) | dict.fromkeys(gone, False)
        self._granted.difference_update(gone)
        return [request for request in (Request(True, new), Request(False, gone)) if request.filters]

    def sent(self, packet_id: int, request: Request) -> None:
        self._open[packet_id] = request

    def answered(self, packet_id: int, codes: Sequence[int]) -> Request | None:
        """Takes SUBACK and UNSUBACK, which has no codes in MQTT 3.1.1; gives what was refused, if anything."""
        request = self._open.pop(packet_id, None)
        if request is None:
            return None
        if request.subscribe:
            refused = self._subscribed(_paired(request.filters, codes, FAILURE))
        else:
            refused = self._unsubscribed(_paired(request.filters, codes, 0))
        return Request(request.subscribe, refused) if refused else None

    @property
    def subscribed(self) -> bool:
        """Whether the broker has granted all that is wanted."""
        return all(one in self._granted for one in self._wanted)

    @property
    def settled(self) -> bool:
        """Whether, besides, nothing that is not wanted is left."""
        return self.subscribed and not self._gone

    def _subscribed(self, codes: dict[str, int]) -> list[str]:
        present = {one: code for one, code in codes.items() if self._asked.get(one) is True}
        self._granted.update(one for one, code in present.items() if code == QOS_1)
        refused = [one for one, code in present.items() if code != QOS_1]
        self._granted.difference_update(refused)
        self.refused += [one for one in refused if one not in self.refused]
        return refused

    def _unsubscribed(self, codes: dict[str, int]) -> list[str]:
        present = {one: code for one, code in codes.items() if self._asked.get(one) is False}
        for one, code in present.items():
            if code < FAILURE:
                self._gone.pop(one, None)
        return [one for one, code in present.items() if code >= FAILURE]


def _paired(filters: Sequence[str], codes: Sequence[int], missing: int) -> dict[str, int]:
    return {one: codes[position] if position < len(codes) else missing for position, one in enumerate(filters)}
