"""Which names buckets and objects may have.

Source: https://cloud.google.com/storage/docs/buckets#naming and https://cloud.google.com/storage/docs/objects#naming
"""

import re

from localcloud.storage.errors import invalid, required

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_LONGEST_OBJECT = 1024  # bytes of UTF-8


def bucket_name(name: object) -> str:
    """The name, if a bucket may have it; raises HttpError 400 if not."""
    if not isinstance(name, str) or not name:
        raise required("Required parameter: name")
    sound = (
        _BUCKET.fullmatch(name)
        and 3 <= len(name) <= 222
        and all(len(part) <= 63 for part in name.split("."))
        and ".." not in name
        and not _ADDRESS.fullmatch(name)
        and not name.startswith("goog")
        and "google" not in name
    )
    if not sound:
        raise invalid(f"Invalid bucket name: '{name}'")
    return name


def object_name(name: object) -> str:
    """The name, if an object may have it; raises HttpError 400 if not."""
    if not isinstance(name, str) or not name:
        raise required("Required parameter: name")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise invalid("Invalid object name: it is not valid UTF-8") from error
    if length > _LONGEST_OBJECT:
        raise invalid(f"The specified object name is not valid: {length} bytes, more than {_LONGEST_OBJECT}.")
    if name in (".", "..") or "\r" in name or "\n" in name or name.startswith(".well-known/acme-challenge/"):
        raise invalid("The specified object name is not valid.")
    return name
