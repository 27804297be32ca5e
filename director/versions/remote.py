"""The versions of a director that serves a store, over REST. Who adds one is whom the director knows the caller as."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from director.client import DirectorClient, DirectorRefused, DirectorUnavailable
from director.errors import Rejected, Unavailable, Unknown
from director.versions.version import Added, Conflict, Contents, Version

T = TypeVar("T")
_FIELDS = tuple(field.name for field in fields(Version))


class RemoteVersions:
    def __init__(self, client: DirectorClient) -> None:
        self._client = client

    def close(self) -> None:
        """Nothing is held open."""

    def current(self) -> Version | None:
        return self._asked(lambda: _version(self._client.architecture()["version"]))

    def find(self, number: int) -> Version:
        return self._asked(lambda: _version(self._client.architecture(number)["version"]))

    def contents(self, number: int) -> Contents:
        return self._asked(lambda: _contents(self._client.architecture(number)))

    def page(self, before: int | None, size: int) -> Sequence[Version]:
        return self._asked(lambda: [_version(one) for one in self._client.versions(before, size)])

    def add(self, contents: Contents, expected: int, added: Added) -> Version:
        def ask() -> Mapping[str, Any]:
            if added.restores is not None:
                return self._client.restore_version(added.restores, expected, added.comment)
            return self._client.add_version(contents.hub, contents.texts, expected, added.comment)

        try:
            return self._asked(lambda: _version(ask()["version"]))
        except _Refused as error:
            if error.why.code != "conflict":
                raise
            raise Conflict(expected, self.current()) from error

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except DirectorUnavailable as error:
            raise Unavailable(str(error)) from error
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("what answers there is no director that serves a store; check the address") from error
        except DirectorRefused as error:
            if error.code == "not_found":
                raise Unknown("no such version there, or it serves no store") from error
            raise _Refused(error) from error


class _Refused(Rejected):
    """With every problem that the director names."""

    def __init__(self, why: DirectorRefused) -> None:
        problems = why.details.get("problems") or ()
        super().__init__("; ".join([f"the director says {why.code}", *(str(one.get("message")) for one in problems)]))
        if not problems:
            self.args = (str(why),)
        self.why = why


def _contents(found: Mapping[str, Any]) -> Contents:
    return Contents(str(found["version"]["hub"]), dict(found["files"]))


def _version(facts: Mapping[str, Any]) -> Version:
    return Version(**{name: facts[name] for name in _FIELDS})
