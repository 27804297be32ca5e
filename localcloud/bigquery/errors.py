"""Refusals in BigQuery's own words: HTTP status, reason and message."""

from localcloud.rest import HttpError


def invalid(message: str) -> HttpError:
    """The request is malformed or asks for what may not be."""
    return HttpError(400, "invalid", message)


def invalid_query(message: str) -> HttpError:
    return HttpError(400, "invalidQuery", message)


def not_found(what: str) -> HttpError:
    """`what` names kind and id: `Table project:dataset.table`."""
    return HttpError(404, "notFound", f"Not found: {what}")


def duplicate(what: str) -> HttpError:
    return HttpError(409, "duplicate", f"Already Exists: {what}")


def in_use(message: str) -> HttpError:
    return HttpError(400, "resourceInUse", message)


def precondition_failed(message: str) -> HttpError:
    return HttpError(412, "conditionNotMet", message)


def unsupported(what: str) -> HttpError:
    """BigQuery can do it, this stand-in cannot."""
    return HttpError(501, "notImplemented", f"{what} is not supported by localcloud")
