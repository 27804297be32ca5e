"""What an update changes: the fields that its mask names, or all that callers set. https://google.aip.dev/134"""

from collections.abc import Iterable
from typing import Any

from localcloud.rpc import invalid_argument


def own_fields(resource: Any, output_only: Iterable[str]) -> list[str]:
    """The fields that callers set, and that an update without a mask replaces."""
    return [field.name for field in resource.DESCRIPTOR.fields if field.name not in set(output_only)]


def replace(resource: Any, wanted: Any, mask: Any, settable: list[str]) -> None:
    """What of `wanted` the mask names takes the place of what there is. Raises INVALID_ARGUMENT."""
    paths = list(mask.paths) if mask is not None and mask.paths else settable
    outside = [path for path in paths if path.partition(".")[0] not in settable]
    if outside:
        raise invalid_argument(f"update_mask: {', '.join(outside)} cannot be updated.")
    for path in paths:
        _copy_path(resource, wanted, path.split("."))


def _copy_path(into: Any, of: Any, path: list[str]) -> None:
    field, rest = path[0], path[1:]
    if rest:
        _copy_path(getattr(into, field), getattr(of, field), rest)
        return
    into.ClearField(field)
    for found, value in of.ListFields():
        if found.name == field:
            into.MergeFrom(type(of)(**{field: value}))
