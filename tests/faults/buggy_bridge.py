"""A bridge with a bug: a payload that says so breaks what runs on its network thread."""

import sys
from typing import Any

from bridge.__main__ import main
from bridge.relay import Relay

_received = Relay.received


def received(relay: Relay, deliveries: Any) -> None:
    if any(delivery.payload == b"the-bug" for delivery in deliveries):
        raise RuntimeError("a bug that nobody expected")
    _received(relay, deliveries)


Relay.received = received  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
