"""A new configuration while messages flow: validated whole, then used; one that cannot be used changes nothing.

Looked for at SIGHUP, when the director tells of one, and at intervals, on a thread of its own. The session stays: only
subscriptions that differ are made or ended. What belongs to the session itself needs a restart, and a document that
changes it is refused.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bridge.config import BridgeConfig, configuration
from bridge.metrics import Metrics
from bridge.mqtt.broker import Broker
from bridge.sources import Origin
from director.client import DirectorError
from director.starting import away
from director.strict import DocumentError

log = logging.getLogger(__name__)

RESTART = "a change here needs a restart of the bridge; restart it, or change this back"


class Reload:
    """Keeps `use` told of the configuration that holds. `refused` says, without its words, that one was refused."""

    def __init__(
        self, origin: Origin, config: BridgeConfig, use: Callable[[BridgeConfig], None], metrics: Metrics
    ) -> None:
        self._origin = origin
        self._config = config
        self._use = use
        self._reloads = metrics.reloads
        self._away = False
        self._woken = threading.Event()
        self._asked = False
        self._owed = False  # a reading, since the director said no: what it has then may be what is in force
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self.refused: str | None = None
        metrics.gauge("config_rejected", "1 while the newest configuration is refused.", lambda: bool(self.refused))

    @property
    def remark(self) -> str | None:
        """What somebody should know of the configuration in force, without its words."""
        return self.refused or self._origin.remark

    def start(self) -> None:
        self._thread.start()
        self._origin.watch(self._woken.set)

    def now(self) -> None:
        """Reads the configuration again, changed or not, soon."""
        self._asked = True
        self._woken.set()

    def stop(self) -> None:
        """Does not wait for a director that takes its time."""
        self._stopping = True
        self._origin.close()
        self._woken.set()
        self._thread.join(timeout=1.0)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            self._woken.wait(self._origin.seconds)
            self._woken.clear()
            asked, self._asked = self._asked, False
            if not self._stopping:
                self._look(asked)

    def _look(self, asked: bool) -> None:
        try:
            if asked or self._owed or self._origin.changed():
                self._reload()
            elif self._away:
                self._answered()
        except DocumentError as error:
            self._refuse([str(problem) for problem in error.problems])
        except OSError as error:
            self._missed(error)
        except DirectorError as error:
            if away(error):
                self._missed(error)
            else:
                self._owed = True
                self._refuse([str(error)])
        except Exception:  # a bug here must not end the thread that would bring its remedy
            log.exception("a new configuration could not be used")
            self._refuse(["the bridge failed to use it, see above"])

    def _reload(self) -> None:
        source = self._origin.read()
        self._owed = False
        self._answered()
        config = configuration(source)
        problems = [source.problem(place, RESTART) for place in _fixed_parts(self._config, config)]
        if problems:
            raise DocumentError(problems)
        if config == self._config:
            self._reloads.labels("unchanged").inc()
            log.info("the configuration is what it was")
        else:
            self._use(config)
            self._reloads.labels("used").inc()
            log.info("a new configuration is in force: %d routes", len(config.routes))
        self._config, self.refused = config, None

    def _answered(self) -> None:
        if self._away:
            log.info("the configuration can be read again")
        self._away = False

    def _missed(self, error: Exception) -> None:
        """No new configuration and no refusal: the old one holds, and the next look is soon."""
        self._reloads.labels("unavailable").inc()
        if not self._away:
            log.warning("cannot look for a new configuration: %s", error)
        self._away = True

    def _refuse(self, problems: Sequence[str]) -> None:
        self._reloads.labels("refused").inc()
        for problem in problems:
            log.error("new configuration refused: %s", problem)
        log.error("the old configuration stays in force; the new one has %d problems", len(problems))
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        self.refused = f"configuration refused at {moment}, see the log; the old one is in force"


def _fixed_parts(old: BridgeConfig, new: BridgeConfig) -> list[tuple[str, ...]]:
    """Where `new` changes what a running session cannot."""
    names = [name for name in Broker.model_fields if getattr(old.broker, name) != getattr(new.broker, name)]
    places: list[tuple[str, ...]] = [("broker", name) for name in names]
    if new.publishing.deadline_seconds != old.publishing.deadline_seconds:
        places.append(("publishing", "deadline_seconds"))
    return places
