"""Schemas and their revisions: made, committed, rolled back, and used to check what is published.

Source: https://cloud.google.com/pubsub/docs/schemas
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import grpc
from google.pubsub_v1.types import Encoding, SchemaView
from google.pubsub_v1.types import Schema as Type

from localcloud.clock import Clock
from localcloud.pubsub import names, records
from localcloud.pubsub.ledger import Ledger
from localcloud.pubsub.schemas.avro import Avro, Unfit
from localcloud.pubsub.schemas.evolution import unreadable
from localcloud.rpc import RpcError, failed_precondition, invalid_argument, not_found, unsupported

Schema = records.Schema
MOST_REVISIONS = 20

Attributes = Mapping[str, str]


class Lifetime:
    """Of one schema, from its making to its end, whatever others had its name before."""


class Schemas:
    """By name, each with its revisions, the newest last. `stored` are those of the journal."""

    def __init__(self, clock: Clock, ledger: Ledger, stored: Mapping[str, Sequence[Any]]) -> None:
        self._clock = clock
        self._ledger = ledger
        self._revisions = {name: list(revisions) for name, revisions in stored.items()}
        self._lifetimes = {name: Lifetime() for name in stored}
        self._parsed: dict[str, Avro] = {}  # by definition

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self._revisions.values())

    def create(self, name: str, wanted: Any) -> Any:
        names.check_name(name, "schemas")
        self.definition(wanted)
        if name in self._revisions:
            raise names.existing(name)
        self._lifetimes[name] = Lifetime()
        return self._kept(name, [self._revision(name, wanted)])

    def of_project(self, project: str) -> Mapping[str, Any]:
        """The newest revision of each."""
        return names.of_project({name: each[-1] for name, each in self._revisions.items()}, project)

    def get(self, name: str) -> Any:
        """A revision by `NAME@REVISION`, or the newest by the name alone."""
        bare, revision = _split(name)
        revisions = self.revisions(bare)
        return _named(revisions, revision) if revision else revisions[-1]

    def revisions(self, name: str) -> Sequence[Any]:
        names.check_name(name, "schemas")
        if name not in self._revisions:
            raise names.missing(name)
        return self._revisions[name]

    def has(self, name: str) -> bool:
        return name in self._revisions

    def lifetime(self, name: str) -> Lifetime:
        """Raises NOT_FOUND."""
        self.revisions(name)
        return self._lifetimes[name]

    def commit(self, name: str, wanted: Any) -> Any:
        revisions = self.revisions(name)
        if wanted.type_ != revisions[-1].type_:
            raise invalid_argument(f"The type of a schema cannot be changed (schema={names.short(name)}).")
        self._check_evolution(name, self.definition(wanted), revisions)
        return self._committed(name, wanted)

    def rollback(self, name: str, revision: str) -> Any:
        """Its definition, as a revision anew."""
        return self._committed(name, _named(self.revisions(name), revision))

    def delete_revision(self, name: str) -> Any:
        bare, revision = _split(name)
        if not revision:
            raise invalid_argument(f"The name must say which revision, as NAME@REVISION (name={name}).")
        revisions = self.revisions(bare)
        gone = _named(revisions, revision)
        if len(revisions) == 1:
            raise failed_precondition("The only revision of a schema cannot be deleted: delete the schema.")
        return self._kept(bare, [each for each in revisions if each is not gone])

    def delete(self, name: str) -> None:
        self.revisions(name)
        self._ledger.keep(records.schema_deleted, name)
        del self._revisions[name], self._lifetimes[name]

    def definition(self, wanted: Any) -> Avro:
        """Raises INVALID_ARGUMENT for one that is none, UNIMPLEMENTED for protocol buffers: there is no parser here."""
        if wanted.type_ == Type.Type.PROTOCOL_BUFFER:
            raise unsupported("google.pubsub.v1.Schema of type PROTOCOL_BUFFER, only AVRO")
        if wanted.type_ != Type.Type.AVRO:
            raise invalid_argument("Invalid schema: its type must be AVRO or PROTOCOL_BUFFER.")
        if wanted.definition not in self._parsed:
            try:
                self._parsed[wanted.definition] = Avro(wanted.definition)
            except Unfit as error:
                raise invalid_argument(f"Invalid schema definition: {error}.") from error
        return self._parsed[wanted.definition]

    def check_settings(self, settings: Any) -> None:
        """What a topic says of its schema. Raises NOT_FOUND or INVALID_ARGUMENT."""
        if settings.encoding not in (Encoding.JSON, Encoding.BINARY):
            raise invalid_argument("Invalid schema_settings: the encoding must be JSON or BINARY.")
        if not self._allowed(settings):
            raise invalid_argument("Invalid schema_settings: first_revision_id is newer than last_revision_id.")

    def attributes(self, settings: Any, data: Sequence[bytes]) -> list[Attributes]:
        """For each message what Pub/Sub adds. Raises INVALID_ARGUMENT where one follows none of the revisions."""
        if settings.schema not in self._revisions:
            raise failed_precondition("The topic's schema was deleted: nothing can be published.")
        allowed = self._allowed(settings)
        return [self._checked(settings, allowed, each) for each in data]

    def _checked(self, settings: Any, allowed: Sequence[Any], data: bytes) -> Attributes:
        why: Unfit | None = None
        for revision in reversed(allowed):
            try:
                check(self.definition(revision), data, settings.encoding)
            except Unfit as error:
                why = why or error
            else:
                return {
                    "googclient_schemaencoding": Encoding(settings.encoding).name,
                    "googclient_schemaname": settings.schema,
                    "googclient_schemarevisionid": revision.revision_id,
                }
        raise invalid_argument(f"Request failed schema validation: {why}.")

    def _allowed(self, settings: Any) -> Sequence[Any]:
        revisions = self.revisions(settings.schema)
        numbers = [each.revision_id for each in revisions]
        for wanted in (settings.first_revision_id, settings.last_revision_id):
            if wanted and wanted not in numbers:
                raise not_found(f"Schema revision not found (resource={names.short(settings.schema)}@{wanted}).")
        first = numbers.index(settings.first_revision_id) if settings.first_revision_id else 0
        last = numbers.index(settings.last_revision_id) if settings.last_revision_id else len(numbers) - 1
        return revisions[first : last + 1]

    def _check_evolution(self, name: str, new: Avro, revisions: Sequence[Any]) -> None:
        """Each must read what any other wrote: which revision a subscriber knows, nobody can tell."""
        for revision in revisions:
            old = self.definition(revision)
            why = unreadable(old, new) or unreadable(new, old)
            if why:
                raise invalid_argument(
                    f"The schema is not compatible with revision {revision.revision_id} of {names.short(name)}: {why}."
                )

    def _committed(self, name: str, wanted: Any) -> Any:
        revisions = self._revisions[name]
        if len(revisions) >= MOST_REVISIONS:
            message = f"The schema has {MOST_REVISIONS} revisions, the most there can be: delete one."
            raise RpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        return self._kept(name, [*revisions, self._revision(name, wanted)])

    def _revision(self, name: str, wanted: Any) -> Any:
        revision = Schema(name=name, type_=wanted.type_, definition=wanted.definition)
        revision.revision_id = secrets.token_hex(4)
        revision.revision_create_time.FromNanoseconds(self._clock.time_ns())
        return revision

    def _kept(self, name: str, revisions: list[Any]) -> Any:
        self._ledger.keep(records.schema, revisions)
        self._revisions[name] = revisions
        return revisions[-1]


def check(definition: Avro, data: bytes, encoding: int) -> None:
    """Raises Unfit."""
    checks: dict[int, Callable[[bytes], None]] = {
        Encoding.JSON: definition.check_json,
        Encoding.BINARY: definition.check_binary,
    }
    if encoding not in checks:
        raise invalid_argument("Invalid encoding: it must be JSON or BINARY.")
    checks[encoding](data)


def shown(schema: Any, view: int, unsaid: int) -> Any:
    """`schema` as a view has it; BASIC leaves out the definition. `unsaid` is what no view means."""
    if (view or unsaid) == SchemaView.FULL:
        return schema
    basic = Schema()
    basic.CopyFrom(schema)
    basic.definition = ""
    return basic


def _split(name: str) -> tuple[str, str]:
    bare, _, revision = name.partition("@")
    return bare, revision


def _named(revisions: Sequence[Any], revision: str) -> Any:
    for each in revisions:
        if each.revision_id == revision:
            return each
    raise not_found(f"Schema revision not found (resource={names.short(revisions[-1].name)}@{revision}).")
