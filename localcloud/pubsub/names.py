"""Names of topics, subscriptions, snapshots and schemas, and the errors that speak of them."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from localcloud.rpc import RpcError, already_exists, invalid_argument, not_found

DELETED_TOPIC = "_deleted-topic_"  # what a subscription shows for its topic once that is gone
DELETED_SCHEMA = "_deleted-schema_"  # and a topic for its schema
LARGEST_PAGE = 1000

_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}", re.ASCII)
_PROJECT = re.compile(r"projects/[^/]+")

Value = TypeVar("Value")


def check_name(name: str, kind: str) -> None:
    """`kind` is `topics`, `subscriptions`, `snapshots` or `schemas`. Raises INVALID_ARGUMENT."""
    project, _, identifier = name.partition(f"/{kind}/")
    if not (_PROJECT.fullmatch(project) and _ID.fullmatch(identifier)):
        raise invalid_argument(
            f"Invalid resource name given (name={name}). "
            "Refer to https://cloud.google.com/pubsub/docs/admin#resource_names for more information."
        )


def short(name: str) -> str:
    """The last part of a resource name."""
    return name.rpartition("/")[2]


def project_of(name: str) -> str:
    return name.split("/")[1]


def missing(name: str) -> RpcError:
    return not_found(f"Resource not found (resource={short(name)}).")


def existing(name: str) -> RpcError:
    return already_exists(f"Resource already exists in the project (resource={short(name)}).")


def of_project(named: Mapping[str, Value], project: str) -> Mapping[str, Value]:
    """The resources of `project` (`projects/p`). Raises INVALID_ARGUMENT."""
    if not _PROJECT.fullmatch(project):
        raise invalid_argument(f"Invalid project name given (name={project}).")
    return {name: value for name, value in named.items() if name.startswith(project + "/")}


def page(named: Mapping[str, Value], size: int, token: str) -> tuple[Sequence[Value], str]:
    """The next `size` after `token` in the order of their names, and the token of the page after."""
    if size < 0:
        raise invalid_argument(f"The page size is negative (page_size={size}).")
    after = _decoded(token)
    rest = sorted(name for name in named if name > after)
    shown = rest[: min(size or LARGEST_PAGE, LARGEST_PAGE)]
    more = len(shown) < len(rest)
    return [named[name] for name in shown], _encoded(shown[-1]) if more else ""


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_argument(f"Invalid page token given (page_token={token}).") from error
