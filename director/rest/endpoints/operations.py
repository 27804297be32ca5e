"""Operations: looked at, waited for, cancelled, listed."""

from director.operations.model import Operation
from director.rest import paging
from director.rest.answers import OperationList
from director.rest.route import Call, Reply


def shown(call: Call) -> Reply:
    return Reply(_operation(call))


def waited_for(call: Call) -> Reply:
    """The operation when it is over, or as it is when the time is."""
    return Reply(call.parts.operations.wait(call.arguments["operation"], call.query.timeout))


def cancelled(call: Call) -> Reply:
    """What is being done to a resource is finished; nothing further is begun."""
    return Reply(call.parts.operations.cancel(call.arguments["operation"]))


def listed(call: Call) -> Reply:
    """The newest first, of the dataflows the caller may see."""
    asked = call.query
    theirs = [
        name
        for name in call.director.dataflows()
        if asked.dataflow in (None, name) and call.parts.authorization.may(call.identity, "see_operations", name)
    ]
    found, more = call.parts.operations.page(asked.before, asked.page_size, theirs, asked.state, asked.request_id)
    return Reply(OperationList(operations=tuple(found), next_page_token=paging.token(more)))


def _operation(call: Call) -> Operation:
    return call.parts.operations.find(call.arguments["operation"])
