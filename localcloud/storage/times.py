"""Times as Cloud Storage writes them."""

from datetime import UTC, datetime
from email.utils import formatdate


def rfc3339(seconds: float) -> str:
    """`2024-05-01T12:00:00.000Z`; the argument is seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)
