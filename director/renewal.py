"""A director that serves a store of versions follows it: what becomes current there is soon in force here.

It looks every second. That is one small read, for which no connection has to stay up and no listener can die unseen. A
version that cannot be used leaves the last good one in force, and is told in the log and by `remark`.
"""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from director.documents.loading import Blueprint
from director.errors import DirectorError, Misconfigured, Rejected, Unavailable
from director.strict import DocumentError, printable
from director.versions import changes
from director.versions.documents import blueprint
from director.versions.version import Added, Contents, Version, Versions

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class ReadOnly(DirectorError):
    """The versions here are not to be added to."""


class Follower(Protocol):
    """Is told of each version that comes into force."""

    def __call__(self, old: Blueprint, new: Blueprint, version: Version) -> None: ...


class Renewal:
    """`renew` puts a blueprint into force; it raises Misconfigured for one that this process cannot serve.

    Thread-safe. Without `start` only `look` looks. `writable` is False where a file is served: what would be added to
    its copy in memory would be forgotten.
    """

    def __init__(
        self,
        versions: Versions,
        version: Version,
        served: Blueprint,
        renew: Callable[[Blueprint], None],
        environment: str | None = None,
        newest: Version | None = None,
        writable: bool = True,
        seconds: float = LOOK_SECONDS,
    ) -> None:
        """`served` is the blueprint of `version` in an environment; `newest` a current version that cannot be used."""
        self.versions = versions
        self.version = version
        self._served = served
        self._renew = renew
        self.environment = environment
        self._seconds = seconds
        self._writable = writable
        log.setLevel(logging.INFO)  # these lines are wanted however quiet the rest is
        self._followers: list[Follower] = []
        self._looking = threading.Lock()
        self._tried = (newest or version).number
        self._refused: str | None = None
        self._away: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)
        if newest is not None and newest.number != version.number:
            self._refuse(newest, [])

    @property
    def remark(self) -> str | None:
        """What somebody should know, without a word of any document; None where all is well."""
        return self._refused or self._away

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def start(self) -> None:
        """Once all that follow are told of."""
        if self._writable:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)
        self.versions.close()

    def add(self, contents: Contents, expected: int, added: Added) -> tuple[Version, bool]:
        """As `changes.add`, and in force by the time it returns. Raises ReadOnly besides."""
        self._check_writable()
        done = changes.add(self.versions, contents, expected, added, self.environment)
        self.look()
        return done

    def roll_back(self, number: int, expected: int, added: Added) -> tuple[Version, bool]:
        """As `changes.roll_back`, and in force by the time it returns. Raises ReadOnly besides."""
        self._check_writable()
        done = changes.roll_back(self.versions, number, expected, added, self.environment)
        self.look()
        return done

    def look(self) -> None:
        """Puts into force what is current in the store, where that is new and can be used. Raises nothing."""
        with self._looking:
            try:
                newest = self.versions.current()
                if newest is not None and newest.number != self._tried:
                    self._take(newest)
                self._answered()
            except (Unavailable, Rejected) as error:
                self._missed(error)
            except Exception:  # a bug here must not end the thread that would bring its remedy
                log.exception("the store of versions could not be looked at")
                self._away = "a newer version could not be looked for, see the log"

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.look()

    def _take(self, version: Version) -> None:
        contents = self.versions.contents(version.number)
        self._tried = version.number
        try:
            new = blueprint(contents, self.environment)
            self._renew(new)
        except DocumentError as error:
            self._refuse(version, [str(problem) for problem in error.problems])
            return
        except Misconfigured as error:
            self._refuse(version, [str(error)])
            return
        except Exception:
            self._refuse(version, ["the director failed to use it, see below"])
            raise
        old, self._served, self.version, self._refused = self._served, new, version, None
        log.info("version %d of the architecture is in force, by %s", version.number, printable(version.who))
        for follower in self._followers:
            follower(old, new, version)

    def _refuse(self, version: Version, problems: list[str]) -> None:
        for problem in problems:
            log.error("version %d refused: %s", version.number, printable(problem))
        self._refused = f"version {version.number} cannot be used, see the log; version {self.version.number} is served"
        log.error("%s", self._refused)

    def _answered(self) -> None:
        if self._away:
            log.info("the store of versions answers again")
        self._away = None

    def _missed(self, error: Exception) -> None:
        if not self._away:
            log.warning("cannot look for a newer version: %s", printable(str(error)))
        what = "cannot be read" if isinstance(error, Rejected) else "does not answer"
        self._away = f"the store of versions {what}, see the log; version {self.version.number} is served"

    def _check_writable(self) -> None:
        if not self._writable:
            raise ReadOnly("this director serves a file; change that and start it anew, or serve a store with --store")
