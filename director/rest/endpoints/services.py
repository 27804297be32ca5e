"""A service's own: its slice of the configuration, and the handshake with which it starts."""

from director.documents.configuration import Configuration
from director.rest.answers import Slice
from director.rest.endpoints.dataflows import changes_of
from director.rest.problems import NotAsWanted
from director.rest.route import Call, Reply


def configured(call: Call) -> Reply:
    return Reply(_slice(call.director.configuration(call.dataflow, call.arguments["service"])))


def registered(call: Call) -> Reply:
    """A service gets its configuration once all it is linked to is there."""
    service = call.arguments["service"]
    missing = changes_of(call.director.verify(call.dataflow, service))
    if missing:
        message = f"service '{service}' cannot start: resources are missing; apply dataflow '{call.dataflow}' first"
        raise NotAsWanted(409, "not_ready", message, changes=[change.model_dump() for change in missing])
    return configured(call)


def _slice(found: Configuration) -> Slice:
    return Slice(project=found.project, dataflow=found.dataflow, service=found.service, config=dict(found.config))
