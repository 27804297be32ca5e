"""What Cloud Monitoring names itself: found again by the labels that a resource was made with."""

from collections.abc import Iterable, Mapping
from typing import Any

from director.documents.specs.monitoring import NAMED
from director.provisioning.base import Context, Owner, Wanted

PAGE = 500


def labels(context: Context, own: Mapping[str, str], name: str) -> dict[str, str]:
    return {**context.labels(own), NAMED: name}


def project(wanted: Wanted[Any]) -> str:
    return wanted.full_name.rpartition("/")[0].rpartition("/")[0]


def in_words(wanted: Wanted[Any]) -> str:
    """The filter for one resource. https://cloud.google.com/monitoring/api/v3/sorting-and-filtering"""
    return f'{_of(wanted.owner)} AND user_labels.{NAMED}="{_short(wanted)}"'


def all_in_words(owner: Owner | None) -> str:
    """The filter for everything of a dataflow."""
    return _of(owner)


def oldest_first(found: Iterable[Any]) -> list[Any]:
    """A create whose answer was lost may have been made twice: all but the oldest are copies."""
    return sorted(found, key=lambda one: (one.creation_record.mutate_time or 0, one.name))


def named(found: Iterable[Any]) -> dict[str, list[Any]]:
    """By the name that each has in its document, the oldest first."""
    grouped: dict[str, list[Any]] = {}
    for one in oldest_first(found):
        grouped.setdefault(one.user_labels.get(NAMED, ""), []).append(one)
    return grouped


def _of(owner: Owner | None) -> str:
    if owner is None:
        raise ValueError("what is found by its labels has an owner")
    return f'user_labels.architecture="{owner.architecture}" AND user_labels.dataflow="{owner.dataflow}"'


def _short(wanted: Wanted[Any]) -> str:
    return wanted.full_name.rpartition("/")[2]
