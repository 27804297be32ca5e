"""Commands as they come: JSON within bounds, of a known kind, and fresh. Whatever else comes is refused. Pure.

{"v": 1, "command_id": "0b6ae1f2-...", "issued_at": "2026-01-31T12:00:00Z",
 "instruction": "dataflow-setup", "payload": {"dataflow_name": "environment"}}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from director.durations import written
from director.errors import DirectorError
from director.names import Id, matching
from director.operations.endings import digest
from director.operations.model import Kind
from director.safety.untrusted import LARGEST, Unreadable, json_object
from director.strict import Strict

Instruction = Literal["dataflow-setup", "dependent-resource-setup", "teardown", "verify"]
Reason = Literal[
    "too_large",
    "invalid_json",
    "unversioned",
    "no_id",
    "unknown_instruction",
    "invalid_command",
    "expired",
    "id_reused",
    "unknown_dataflow",
    "forbidden",
    "gave_up",
    "failed",
]
WINDOW = timedelta(minutes=5)  # between what the sender's clock, Pub/Sub's and ours may say
KINDS: Mapping[Instruction, Kind] = {
    "dataflow-setup": "apply",
    "dependent-resource-setup": "apply",
    "teardown": "teardown",
    "verify": "verify",
}
_COMMAND_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{7,63}", re.ASCII)
_OLD_FORM = 'add "v": 1, a "command_id" of its own and "issued_at", see docs/commands.md'

Named = Annotated[str, Field(min_length=1, max_length=512)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{8,128}$")]
Url = Annotated[
    str,
    Field(max_length=2_048),
    matching("address of a service", r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?", "https://HOST"),
]


class Refused(DirectorError):
    """A command that can never be carried out as it is."""

    def __init__(self, reason: Reason, message: str, command_id: str | None = None) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.command_id = command_id


class Scope(Strict):
    """A part of a dataflow: what one service is linked to, or one resource (`KIND/NAME`), with what these need."""

    service: Id | None = None
    resource: Named | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.service is None) == (self.resource is None):
            raise ValueError("name a service or a resource; without scope it is the whole dataflow")
        return self


class Verify(Strict):
    """Whether everything is as wanted."""

    dataflow_name: Id
    scope: Scope | None = None

    @model_validator(mode="after")
    def _no_single_resource(self) -> Self:
        if type(self) is Verify and self.scope is not None and self.scope.resource is not None:
            raise ValueError("scope: a dataflow or a service is verified, never one resource alone; name a service")
        return self


class Setup(Verify):
    """With `plan_hash` only what that plan shows is done, or nothing."""

    plan_hash: Hash | None = None


class DependentSetup(Verify):
    """Where services are, for the resources that call them."""

    service_urls: Annotated[dict[Id, Url], Field(min_length=1, max_length=200)]


class Teardown(Setup):
    """Agreed to by the hash of a plan for it, or by naming the dataflow once more; lost data by each name."""

    confirm: str | None = None
    force_data_loss: Annotated[tuple[Named, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        if self.plan_hash is None and self.confirm != self.dataflow_name:
            raise ValueError("confirm: a teardown needs a plan_hash, or confirm with the name of the dataflow; add one")
        return self


PAYLOADS: Mapping[Instruction, type[Verify]] = {
    "dataflow-setup": Setup,
    "dependent-resource-setup": DependentSetup,
    "teardown": Teardown,
    "verify": Verify,
}


@dataclass(frozen=True, slots=True)
class Command:
    """One that can be understood. `payload` is of the instruction's own model."""

    command_id: str
    issued_at: datetime
    instruction: Instruction
    payload: Verify

    @property
    def dataflow(self) -> str:
        return self.payload.dataflow_name

    @property
    def service(self) -> str | None:
        return self.payload.scope.service if self.payload.scope else None

    @property
    def resource(self) -> str | None:
        return self.payload.scope.resource if self.payload.scope else None

    @property
    def plan_hash(self) -> str | None:
        return getattr(self.payload, "plan_hash", None)

    @property
    def kind(self) -> Kind:
        return KINDS[self.instruction]

    @property
    def key(self) -> str:
        return key_of(self.command_id)

    @property
    def body(self) -> str:
        """What has to be the same where the id is: everything but the time, which a sender that tries again renews."""
        return digest(f"{self.instruction}\0{self.payload.model_dump_json()}")

    def encoded(self) -> bytes:
        """As it travels."""
        issued_at = self.issued_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = self.payload.model_dump(mode="json", exclude_none=True)
        found = {"v": 1, "command_id": self.command_id, "issued_at": issued_at, "instruction": self.instruction}
        return json.dumps({**found, "payload": payload}).encode()


def key_of(command_id: str) -> str:
    """Under which its operation is kept."""
    return digest(f"command\0{command_id}")


def decode(data: bytes) -> Command:
    """Raises Refused."""
    if len(data) > LARGEST:
        raise Refused("too_large", f"the command has more than {LARGEST:,} bytes; send less")
    try:
        document = json_object(data)
    except Unreadable as error:
        raise Refused("invalid_json", f"the command {error}") from error
    command_id = _command_id(document)
    instruction = _instruction(document, command_id)
    unknown = sorted(set(document) - {"v", "command_id", "issued_at", "instruction", "payload"})
    if unknown:
        raise Refused("invalid_command", f"{unknown[0][:64]}: unknown field; remove it", command_id)
    issued_at = _instant(document.get("issued_at"), command_id)
    return Command(command_id, issued_at, instruction, _payload(document, instruction, command_id))


def check_age(command: Command, published: datetime, now: datetime, accepted: bool) -> None:
    """Raises Refused for what was issued or published too long ago, or by a clock that is wrong.

    What was `accepted` in its time may take longer than that: a long operation, or one that is gone on with.
    """
    told = None if accepted else command.command_id  # that of an earlier one is told of that one's end alone
    _check_gap(command.issued_at, published, "when it was issued and when Pub/Sub got it", told)
    if not accepted:
        _check_gap(published, now, "when Pub/Sub got it and the director's clock", told)


def _check_gap(earlier: datetime, later: datetime, what: str, command_id: str | None) -> None:
    gap = later - earlier
    if abs(gap) <= WINDOW:
        return
    length = f"{written(timedelta(seconds=round(abs(gap).total_seconds())))} lie between {what}"
    hint = "send a new one" if gap > timedelta(0) else "the earlier is the later: set the clocks, then send a new one"
    bounds = f"{written(WINDOW)} are allowed"
    raise Refused("expired", f"{length}, {bounds}; {hint} (check the clock of the sender too)", command_id)


def _command_id(document: Mapping[str, Any]) -> str:
    given = document.get("command_id")
    found = given if isinstance(given, str) and _COMMAND_ID.fullmatch(given) else None
    if "v" not in document:
        raise Refused("unversioned", f"this is a command of an older form; {_OLD_FORM}", found)
    if type(document["v"]) is not int or document["v"] != 1:
        raise Refused("unversioned", 'v: this director knows version 1 of commands; write "v": 1', found)
    if found is None:
        message = "command_id: must be 8-64 letters, digits and '-', and of this command alone, such as a UUID"
        raise Refused("no_id", message)
    return found


def _instruction(document: Mapping[str, Any], command_id: str) -> Instruction:
    given = document.get("instruction")
    for known in get_args(Instruction):
        if given == known:
            instruction: Instruction = known
            return instruction
    raise Refused("unknown_instruction", f"instruction: use one of {', '.join(get_args(Instruction))}", command_id)


def _instant(given: object, command_id: str) -> datetime:
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) and len(given) <= 40 else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 2000 <= found.year < 9999:
        raise Refused("invalid_command", "issued_at: write a time such as 2026-01-31T12:00:00Z", command_id)
    return found.astimezone(UTC)


def _payload(document: Mapping[str, Any], instruction: Instruction, command_id: str) -> Verify:
    try:
        return PAYLOADS[instruction].model_validate_json(json.dumps(document.get("payload")))
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
    place = ".".join(("payload", *(str(part)[:64] for part in first["loc"])))
    more = f" (and {len(others)} more)" if others else ""
    raise Refused("invalid_command", f"{place}: {_advice(first['type'], first['msg'])}{more}", command_id)


def _advice(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown field; remove it"
    if kind == "missing":
        return "is missing; add it"
    return message.removeprefix("Value error, ")
