"""What happens, as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import json
import time
from collections.abc import Iterator

from director.operations.events import Event
from director.rest.problems import NotAsWanted
from director.rest.route import Call, Reply, Stream

HEARTBEAT = 15.0  # seconds of silence
LONGEST = 300.0  # seconds of one stream: then the caller comes again, and is asked again who it is
PAUSE = 1.0  # seconds: how long a stream may keep the server from stopping


def streamed(call: Call) -> Reply:
    """From where `Last-Event-ID` left off, else what happens from now on."""
    events = call.parts.events
    if not events.readers.acquire(blocking=False):
        raise NotAsWanted(503, "too_many_readers", "as many read the events as there is room for; come back later")
    start, lost = _start(call)
    return Reply(Stream(_texts(call, start, lost), events.readers.release))


def _start(call: Call) -> tuple[int, bool]:
    """The number to go on after, and whether what the caller saw last is beyond telling."""
    events, given = call.parts.events, call.headers.get("Last-Event-ID")
    if given is None:
        return events.newest, False
    life, _, number = given.partition("-")
    if life == events.life and number.isascii() and number.isdigit() and len(number) < 16:
        return min(int(number), events.newest), False
    return 0, True


def _texts(call: Call, number: int, lost: bool) -> Iterator[str]:
    events, authorization = call.parts.events, call.parts.authorization
    end = time.monotonic() + LONGEST
    heard = float("-inf")  # the first text goes out at once: it opens the stream
    while time.monotonic() < end and not call.parts.stopping():
        found, gap = events.after(number, PAUSE if heard > 0 else 0.0)
        if lost or gap:
            yield "event: lost\ndata: {}\n\n"
            lost = False
        for event in found:
            number = event.number
            if authorization.may(call.identity, "see_events", event.dataflow):
                heard = time.monotonic()
                yield _text(events.life, event)
        if time.monotonic() - heard > HEARTBEAT:
            heard = time.monotonic()
            yield ": still here\n\n"


def _text(life: str, event: Event) -> str:
    data = json.dumps({"dataflow": event.dataflow, **event.data})
    return f"id: {life}-{event.number}\nevent: {event.kind}\ndata: {data}\n\n"
