"""What a difference means in a field that documents may leave out, and that then stays as it is. Pure."""

from typing import Any

from director.provisioning.base import Rule, Verdict, fixed, mutable


def where_said(live: Any, wanted: Any) -> Verdict | None:
    """The rule for what Google, an organisation or a person sets where a document says nothing."""
    return None if wanted is None else mutable(live, wanted)


def fixed_where_said(way_out: str) -> Rule:
    """The same for what Google never changes."""
    rule = fixed(way_out)
    return lambda live, wanted: None if wanted is None else rule(live, wanted)


def without_version(key: str | None) -> str | None:
    """The name of a Cloud KMS key: some services answer with the version that is in use."""
    return key.partition("/cryptoKeyVersions/")[0] or None if key else None
