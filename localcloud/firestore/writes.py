"""What one Write makes of a document. Pure.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#write
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from localcloud.firestore.field_paths import NAME, assign, lookup, parse, remove
from localcloud.firestore.messages import Document, micros
from localcloud.firestore.transforms import transform
from localcloud.firestore.values import check_document
from localcloud.rpc import already_exists, failed_precondition, invalid_argument, not_found


def target(write: Any) -> str:
    """The name of the document that the write is about."""
    operation = write.WhichOneof("operation")
    if operation == "update":
        return str(write.update.name)
    if operation == "delete":
        return str(write.delete)
    if operation == "transform":
        return str(write.transform.document)
    raise invalid_argument("A write must have an operation.")


def check_precondition(condition: Any, name: str, before: Any | None) -> None:
    """Raises RpcError when the stored Document, or None, is not as the Precondition says."""
    kind = condition.WhichOneof("condition_type")
    if kind == "exists" and condition.exists and before is None:
        raise not_found(f"No document to update: {name}")
    if kind == "exists" and not condition.exists and before is not None:
        raise already_exists(f"Document already exists: {name}")
    if kind == "update_time":
        if before is None:
            raise not_found(f"No document to update: {name}")
        wanted, stored = micros(condition.update_time), micros(before.update_time)
        if wanted != stored:
            raise failed_precondition(
                f"The stored version ({stored}) does not match the required base version ({wanted})."
            )


def written(write: Any, before: Any | None, now: int) -> tuple[Any | None, Sequence[Any]]:
    """The Document after the write, None when deleted, and the results of its transforms.

    `before` is the stored Document or None; it is not changed. The times of the new one are the caller's to set.
    """
    operation = write.WhichOneof("operation")
    if operation == "delete":
        return None, ()
    if operation == "transform":
        return _transformed(_copy_of(before, write.transform.document), write.transform.field_transforms, now)
    if write.HasField("update_mask"):
        after = _merged(_copy_of(before, write.update.name), write.update.fields, write.update_mask.field_paths)
    else:
        after = _copy_of(write.update, write.update.name)
    return _transformed(after, write.update_transforms, now)


def _copy_of(document: Any | None, name: str) -> Any:
    copy = Document(name=name)
    if document is not None:
        copy.CopyFrom(document)
    return copy


def _merged(document: Any, fields: Any, mask: Sequence[str]) -> Any:
    """Paths of the mask are taken over from `fields`; those that are not in it are removed."""
    paths = [parse(text) for text in mask]
    _check_mask(paths)
    for path in paths:
        value = lookup(fields, path)
        if value is None:
            remove(document.fields, path)
        else:
            assign(document.fields, path, value)
    return document


def _check_mask(paths: list[tuple[str, ...]]) -> None:
    if NAME in paths:
        raise invalid_argument("__name__ cannot be written.")
    ordered = sorted(paths)
    for one, other in pairwise(ordered):
        if one != other and other[: len(one)] == one:
            raise invalid_argument(f"Field paths {'.'.join(one)} and {'.'.join(other)} overlap.")


def _transformed(document: Any, changes: Sequence[Any], now: int) -> tuple[Any, Sequence[Any]]:
    results = [transform(document.fields, change, now) for change in changes]
    check_document(document)
    return document, results
