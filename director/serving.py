"""What serves beside the REST door in its process: the second door, where there is one, and the upkeep of both."""

import logging
import secrets
from argparse import Namespace
from functools import partial
from typing import Any

from flask import Flask

from director.commands.completion import of_start
from director.commands.door import CommandDoor, Room
from director.commands.figures import Figures
from director.commands.listener import Listener
from director.commands.outbox import Outbox
from director.documents.loading import Blueprint
from director.documents.manager import places
from director.documents.model import Architecture
from director.enforcing import DriftTold, Enforcement
from director.errors import DirectorError
from director.operations.upkeep import Retention, Upkeep
from director.patrol import Patrol
from director.provisioning.clients import Clients
from director.rest import access
from director.rest.app import EXTENSION, recover
from director.rest.route import Parts
from director.retries import Retries
from director.strict import printable

log = logging.getLogger(__name__)


def accompany(app: Flask, arguments: Namespace, clients: Clients, architecture: Architecture) -> None:
    """In the process that serves, once; it ends with the application."""
    parts: Parts = app.extensions[EXTENSION]
    upkeep = Upkeep(partial(recover, parts), _retentions(parts, arguments))
    upkeep.start()
    parts.beside.closes(upkeep.close)
    if arguments.drift_every is not None:
        _patrol(parts, arguments.drift_every.total_seconds())
    if access.listens(arguments, architecture):
        _listen(parts, clients, architecture)


def _patrol(parts: Parts, seconds: float) -> None:
    tell = DriftTold(parts.events.tell, parts.figures.registry)
    enforce = Enforcement(parts.director, parts.operations, parts.audit)
    patrol = Patrol(parts.director, tell, enforce, seconds)
    patrol.start()
    parts.beside.closes(patrol.stop)


def _retentions(parts: Parts, arguments: Namespace) -> tuple[Retention, ...]:
    return (
        Retention("records of the audit", arguments.keep_audit, parts.audit.forget),
        Retention("lines of the journal", arguments.keep_journal, parts.director.forget),
        Retention("operations", arguments.keep_operations, parts.operations.forget),
    )


def _listen(parts: Parts, clients: Clients, architecture: Architecture) -> None:
    where = places(architecture)
    outbox = Outbox(clients.publisher, Retries(), where)
    figures = Figures(parts.figures.registry)
    started = of_start(architecture.name, secrets.token_hex(8))

    def opened() -> None:
        try:
            outbox.complete(started)
        except DirectorError as error:
            log.warning("that commands are taken goes untold: %s", printable(str(error)))

    room = Room(parts.director, parts.authorization, parts.audit, parts.operations)
    listener = Listener(where.commands, opened, parts.stopping)
    door = CommandDoor(room, outbox, figures, where.commands, listener.stopping)
    figures.watch(listener.listening)
    parts.beside.listens(listener.listening)
    parts.beside.closes(listener.close)
    if parts.renewal is not None:
        parts.renewal.follow(_complain_of_other_topics)
    listener.start(door.take)


def _complain_of_other_topics(old: Blueprint, new: Blueprint, version: Any) -> None:
    if old.architecture.service_manager_spec != new.architecture.service_manager_spec:
        log.error("the topics of commands are others now; start the director anew, it still uses those before")
