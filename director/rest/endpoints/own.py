"""The director itself: alive, ready, its figures, and the description of this interface."""

from director.rest.answers import Alive, CommandsSeen, Ready
from director.rest.route import Call, Reply


def alive(call: Call) -> Reply:
    return Reply(Alive(alive=True))


def ready(call: Call) -> Reply:
    renewal = call.parts.renewal
    version, remark = (renewal.version.number, renewal.remark) if renewal else (None, None)
    heard = call.parts.beside.listening
    commands = CommandsSeen(subscribed=heard.subscribed, quiet_seconds=heard.quiet) if heard else None
    return Reply(Ready(ready=bool(call.director.dataflows()), version=version, remark=remark, commands=commands))


def figures(call: Call) -> Reply:
    return Reply(call.parts.figures.text())


def description(call: Call) -> Reply:
    return Reply(call.parts.document)
