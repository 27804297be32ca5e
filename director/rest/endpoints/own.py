"""The director itself: alive, ready, its figures, and the description of this interface."""

from director.rest.answers import Alive, Ready
from director.rest.route import Call, Reply


def alive(call: Call) -> Reply:
    return Reply(Alive(alive=True))


def ready(call: Call) -> Reply:
    return Reply(Ready(ready=bool(call.director.dataflows())))


def figures(call: Call) -> Reply:
    return Reply(call.parts.figures.text())


def description(call: Call) -> Reply:
    return Reply(call.parts.document)
