"""Secrets and their versions, and the journal in which they outlive the process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.secretmanager_v1 import types
from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.clock import Clock
from localcloud.journal import Journal
from localcloud.rpc import RpcError, already_exists, failed_precondition, not_found, pb

Secret = pb(types.Secret)
SecretVersion = pb(types.SecretVersion)
ENABLED, DISABLED, DESTROYED = SecretVersion.ENABLED, SecretVersion.DISABLED, SecretVersion.DESTROYED

_SECRET, _VERSION = b"s", b"v"


@dataclass(slots=True)
class _Version:
    config: Any
    data: bytes


@dataclass(slots=True)
class _Secret:
    config: Any
    versions: list[_Version] = field(default_factory=list)  # the first has number 1


class SecretStore:
    """All secrets. `journal` None keeps them in memory; else what was answered as done outlives the process."""

    def __init__(self, clock: Clock, journal: Journal | None) -> None:
        self._clock = clock
        self._journal = journal
        self._secrets: dict[str, _Secret] = {}
        self._changes = 0
        if journal:
            for record in journal.replay():
                self._restore(record[:1], record[1:])
            self._rewrite()

    def create(self, name: str, wanted: Any) -> Any:
        if name in self._secrets:
            raise already_exists(f"Secret [{name}] already exists.")
        config = Secret()
        config.CopyFrom(wanted)
        config.name = name
        config.create_time.FromNanoseconds(self._clock.time_ns())
        config.etag = self._etag()
        self._secrets[name] = _Secret(config)
        self._keep(_secret_record(config))
        return config

    def update(self, wanted: Any, paths: Sequence[str], checked: Callable[[Any], Any]) -> Any:
        """Of `wanted` what `paths` name; `checked` is what the whole then has to pass. Raises ABORTED for its etag."""
        secret = self._secret(wanted.name)
        _check_etag(secret.config, wanted.etag)
        new = Secret()
        new.CopyFrom(secret.config)
        FieldMask(paths=paths).MergeMessage(wanted, new, True, True)
        config = checked(new)
        config.etag = self._etag()
        secret.config = config
        self._keep(_secret_record(config))
        return config

    def has(self, name: str) -> bool:
        return name in self._secrets

    def secret(self, name: str) -> Any:
        return self._secret(name).config

    def secrets(self, parent: str) -> list[Any]:
        """Newest first."""
        return [secret.config for name, secret in self._secrets.items() if name.startswith(f"{parent}/")][::-1]

    def delete(self, name: str, etag: str) -> None:
        _check_etag(self._secret(name).config, etag)
        del self._secrets[name]
        self._rewrite()

    def add_version(self, name: str, data: bytes, checked: bool) -> Any:
        versions = self._secret(name).versions
        config = SecretVersion(name=f"{name}/versions/{len(versions) + 1}", state=ENABLED, etag=self._etag())
        config.client_specified_payload_checksum = checked
        config.create_time.FromNanoseconds(self._clock.time_ns())
        versions.append(_Version(config, data))
        self._keep(_version_record(versions[-1]))
        return config

    def version(self, name: str) -> Any:
        return self._version(name).config

    def versions(self, name: str) -> list[Any]:
        """Newest first."""
        return [version.config for version in self._secret(name).versions][::-1]

    def access(self, name: str) -> tuple[str, bytes]:
        """The version's own name and its data. Raises FAILED_PRECONDITION unless it is enabled."""
        version = self._version(name)
        if version.config.state != ENABLED:
            raise _in_state(version.config)
        return version.config.name, version.data

    def enable(self, name: str, enabled: bool, etag: str) -> Any:
        version = self._undestroyed(name, etag)
        version.config.state = ENABLED if enabled else DISABLED
        version.config.etag = self._etag()
        self._keep(_version_record(version))
        return version.config

    def destroy(self, name: str, etag: str) -> Any:
        version = self._undestroyed(name, etag)
        version.data = b""
        version.config.state = DESTROYED
        version.config.etag = self._etag()
        version.config.destroy_time.FromNanoseconds(self._clock.time_ns())
        self._rewrite()
        return version.config

    def close(self) -> None:
        if self._journal:
            self._journal.close()

    def _secret(self, name: str) -> _Secret:
        if name not in self._secrets:
            raise not_found(f"Secret [{name}] not found.")
        return self._secrets[name]

    def _version(self, name: str) -> _Version:
        of, _, number = name.partition("/versions/")
        versions = self._secret(of).versions
        if number == "latest":
            if not versions:
                raise not_found(f"Secret [{of}] not found or has no versions.")
            return versions[-1]
        if not (number.isdecimal() and 0 < int(number) <= len(versions)):
            raise not_found(f"Secret Version [{name}] not found.")
        return versions[int(number) - 1]

    def _undestroyed(self, name: str, etag: str) -> _Version:
        version = self._version(name)
        _check_etag(version.config, etag)
        if version.config.state == DESTROYED:
            raise _in_state(version.config)
        return version

    def _etag(self) -> str:
        self._changes += 1
        return f'"{self._clock.time_ns():x}{self._changes:04x}"'

    def _keep(self, record: bytes) -> None:
        if self._journal:
            self._journal.append(record)

    def _rewrite(self) -> None:
        """So that what was deleted or destroyed is in no file either."""
        if self._journal:
            self._journal.rewrite(self._records())

    def _records(self) -> Iterator[bytes]:
        for secret in self._secrets.values():
            yield _secret_record(secret.config)
            yield from map(_version_record, secret.versions)

    def _restore(self, kind: bytes, record: bytes) -> None:
        if kind == _SECRET:
            config = Secret.FromString(record)
            self._secrets.setdefault(config.name, _Secret(config)).config = config
            return
        size = int.from_bytes(record[:4])
        config = SecretVersion.FromString(record[4 : 4 + size])
        of, _, number = config.name.partition("/versions/")
        self._secrets[of].versions[int(number) - 1 : int(number)] = [_Version(config, record[4 + size :])]


# Records: a letter, then a message; of a version its size, the message and the data. Later ones replace earlier ones.


def _secret_record(config: Any) -> bytes:
    return bytes(_SECRET + config.SerializeToString())


def _version_record(version: _Version) -> bytes:
    config = version.config.SerializeToString()
    return bytes(_VERSION + len(config).to_bytes(4) + config + version.data)


def _check_etag(config: Any, etag: str) -> None:
    if etag and etag != config.etag:
        raise RpcError(grpc.StatusCode.ABORTED, f"The etag given is not that of [{config.name}]; read it again.")


def _in_state(config: Any) -> RpcError:
    state = SecretVersion.State.Name(config.state)
    return failed_precondition(f"Secret Version [{config.name}] is in {state} state.")
