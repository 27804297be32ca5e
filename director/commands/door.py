"""The way in, the same for every command: is it one, may it, is it known; then the operation, then its end is told.

A message is done with only when its effect is there and its end, or its refusal, is published. Whatever fails in
between for a reason that may pass is tried again here, with growing pauses, while the message is held. What ends this
process leaves the message to another director, which finds what was done.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from director.commands import completion
from director.commands.command import Command, DependentSetup, Reason, Refused, Teardown, check_age, decode
from director.commands.completion import Completion
from director.commands.figures import Figures
from director.commands.outbox import Letter, Outbox
from director.errors import Busy, Rejected, Unavailable, Unknown
from director.operations.endings import good, record
from director.operations.model import Asked, NoSuchPart, Operation, Progress, Reused
from director.operations.operations import Operations
from director.operations.store import Known
from director.provisioning.plan import Change
from director.retries import Retries
from director.safety.audit import Audit, Trail
from director.safety.authorization import Action, Authorization, NotPermitted
from director.safety.commands import COMMANDS
from director.service import Director
from director.strict import printable

T = TypeVar("T")
PATIENCE = timedelta(hours=1)  # with what fails for reasons that may pass, from when it was issued
MOST_CRASHES = 5  # of directors at one command
GLANCE = 0.25  # seconds between two looks whether this process is to end
LAST_LOOKS = 20  # at an operation that is ended along with the process
ACTIONS: Mapping[str, Action] = {"apply": "apply", "teardown": "teardown", "verify": "verify"}
MAY_PASS = (Busy, Unavailable, Rejected)  # rights that are missing may be given while it waits

log = logging.getLogger(__name__)


class Stopped(Exception):
    """This process is to end; the message stays for another."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is behind both doors."""

    director: Director
    authorization: Authorization
    audit: Audit
    operations: Operations


@dataclass(frozen=True, slots=True)
class Seen:
    """What a verification found of one resource, as an outcome."""

    kind: str
    name: str
    result: str
    reason: str
    good: bool = False


class CommandDoor:
    """Thread-safe. `stopping` says whether this process is to end."""

    def __init__(
        self,
        room: Room,
        outbox: Outbox,
        figures: Figures,
        source: str,
        stopping: Callable[[], bool],
        pauses: Retries | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`source` is the subscription's name, for the audit."""
        self._room = room
        self._outbox = outbox
        self._figures = figures
        self._source = source
        self._stopping = stopping
        self._pauses = pauses or Retries(first=0.5, longest=30.0)
        self._now = now
        self._lanes: dict[str, threading.Lock] = {}
        self._opening = threading.Lock()

    def take(self, letter: Letter) -> bool:
        """Whether the message is done with; if not, it has to come again."""
        self._figures.received()
        try:
            told = self._end(letter)
            if told is not None:
                self._patiently("telling how a command ended", partial(self._outbox.complete, told))
                self._figures.told(told, self._now() - letter.published)
        except Stopped:
            return False
        return True

    def _end(self, letter: Letter) -> Completion | None:
        try:
            return self._carried_out(letter)
        except Refused as refused:
            return self._refused(letter, refused)
        except Stopped:
            raise
        except Exception as error:  # a bug of ours, which would only come again with the message
            log.exception("command %s failed", letter.message_id)
            failed = Refused("failed", "an error of the director itself; its log has the message id")
            failed.__cause__ = error
            return self._refused(letter, failed)

    def _carried_out(self, letter: Letter) -> Completion:
        command = decode(letter.data)
        self._authorize(command)
        known = self._known(command)
        check_age(command, letter.published, self._now(), known is not None)
        with self._lane(command.dataflow):
            for attempt in itertools.count():
                final = self._operated(command)
                if not self._may_be_better(command, final):
                    return completion.of_operation(command, final)
                self._rest(attempt)
        raise AssertionError("unreachable: the loop has no end of its own")

    def _authorize(self, command: Command) -> None:
        """Raises Refused; what is foreign to commands is unknown to them."""
        room = self._room
        try:
            room.authorization.authorize(COMMANDS, ACTIONS[command.kind], command.dataflow)
            room.director.description(command.dataflow)
        except NotPermitted as error:
            self._turned_away(command, "forbidden")
            message = f"commands may not {command.kind} dataflow '{command.dataflow}'; grant it to '{COMMANDS.name}'"
            raise Refused("forbidden", message, command.command_id) from error
        except Unknown as error:
            self._turned_away(command, "unknown_dataflow")
            message = f"no dataflow '{command.dataflow}' here; check the name (no name stands for all of them)"
            raise Refused("unknown_dataflow", message, command.command_id) from error

    def _known(self, command: Command) -> Known | None:
        """What has become of it before. Raises Refused for another command's id, and for one that only ever crashes."""
        known = self._patiently("looking a command up", lambda: self._room.operations.known(command.key))
        if known is not None and known.body != command.body:
            raise Refused("id_reused", "command_id: came with another command before; give each its own")
        if known is not None and known.again and known.crashes >= MOST_CRASHES:
            message = f"directors ended {known.crashes} times while at it; see their logs, then send a new one"
            raise Refused("gave_up", message, command.command_id)
        return known

    def _operated(self, command: Command) -> Operation:
        """The operation of this command when it is over, whoever runs it."""
        known, operations = self._known(command), self._room.operations
        begun = self._begun(command) if known is None or known.again else known.operation.id
        found, looks_left = self._patiently("waiting", lambda: operations.find(begun)), LAST_LOOKS
        while not found.over:
            found = self._patiently("waiting", lambda: operations.wait(begun, GLANCE))
            if self._stopping() and not found.over:
                looks_left -= 1
                if looks_left == 0 or not operations.runs_here(begun):
                    raise Stopped
        return found

    def _begun(self, command: Command) -> str:
        trail = self._patiently("recording a command", lambda: self._intent(command))
        asked = Asked(
            command.kind, command.dataflow, COMMANDS.name, command.command_id, command.service, command.resource,
            command.key, command.body,
        )  # fmt: skip
        work = partial(self._work, command)
        try:
            operation, new = self._patiently(
                f"beginning {command.command_id}",
                lambda: self._room.operations.begin(asked, work, good, partial(record, trail)),
            )
        except Stopped:
            trail.end("stopped")
            raise
        except Reused as error:
            trail.end("id_reused")
            raise Refused("id_reused", "command_id: came with another command before; give each its own") from error
        if not new:
            trail.end("known", operation=operation.id)
        return operation.id

    def _intent(self, command: Command) -> Trail:
        return self._room.audit.intent(
            COMMANDS, self._source, ACTIONS[command.kind], command.command_id,
            dataflow=command.dataflow, service=command.service, plan_hash=command.plan_hash,
        )  # fmt: skip

    def _work(self, command: Command, progress: Progress, operation: str) -> Iterable[Any]:
        """One instruction, as the REST door has it done."""
        director, payload = self._room.director, command.payload
        try:
            if command.kind == "verify":
                return [_seen(change) for change in director.verify(command.dataflow, command.service)]
            if isinstance(payload, Teardown):
                return director.teardown(
                    command.dataflow, command.plan_hash, frozenset(payload.force_data_loss), progress,
                    service=command.service, resource=command.resource, who=COMMANDS.name, operation=operation,
                )  # fmt: skip
            urls = payload.service_urls if isinstance(payload, DependentSetup) else None
            return director.apply(
                command.dataflow, command.plan_hash, progress,
                service=command.service, resource=command.resource, who=COMMANDS.name, operation=operation,
                service_urls=urls,
            )  # fmt: skip
        except Unknown as error:
            raise NoSuchPart(str(error)) from error

    def _may_be_better(self, command: Command, final: Operation) -> bool:
        """Raises Stopped for what this process' own end has cut short."""
        if final.settled:
            return False
        if self._stopping():
            raise Stopped
        if self._now() - command.issued_at > PATIENCE and final.state != "interrupted":
            log.error("%s is given up after %s: %s", command.command_id, PATIENCE, final.fault)
            return False
        log.warning("%s is tried again: %s was %s", command.command_id, final.id, final.state)
        return True

    def _refused(self, letter: Letter, refused: Refused) -> Completion | None:
        """What its sender is told; nothing where the id may be that of another command."""
        log.warning("command %s is refused (%s): %s", letter.message_id, refused.reason, printable(str(refused)))
        command_id = refused.command_id
        self._patiently("writing a dead letter", lambda: self._outbox.refuse(letter, refused))
        self._figures.dead_lettered(refused.reason)
        return completion.of_refusal(refused, letter.message_id) if command_id is not None else None

    def _turned_away(self, command: Command, reason: Reason) -> None:
        self._room.audit.refusal(
            COMMANDS.name, COMMANDS.way, self._source, ACTIONS[command.kind], command.command_id,
            dataflow=command.dataflow, service=command.service, result=reason,
        )  # fmt: skip

    @contextmanager
    def _lane(self, dataflow: str) -> Iterator[None]:
        """One command of a dataflow at a time. Raises Stopped."""
        with self._opening:
            lane = self._lanes.setdefault(dataflow, threading.Lock())
        while not lane.acquire(timeout=GLANCE):
            if self._stopping():
                raise Stopped
        try:
            yield
        finally:
            lane.release()

    def _patiently(self, what: str, action: Callable[[], T]) -> T:
        """Until it succeeds. Raises Stopped, and what can never succeed."""
        for attempt in itertools.count():
            try:
                return action()
            except MAY_PASS as error:
                log.warning("%s has to wait: %s", what, printable(str(error)))
            self._rest(attempt)
        raise AssertionError("unreachable: the loop has no end of its own")

    def _rest(self, attempt: int) -> None:
        """Raises Stopped."""
        end = time.monotonic() + self._pauses.pause(attempt)
        while not self._stopping():
            left = end - time.monotonic()
            if left <= 0:
                return
            self._pauses.sleep(min(left, GLANCE))
        raise Stopped


def _seen(change: Change) -> Seen:
    results = {"create": "missing", "update": "differs", "refuse": "refused"}
    return Seen(*change.key, results.get(change.action, change.action), "; ".join(change.reasons))
