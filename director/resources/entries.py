"""What a difference means between named entries that a document lists in full. Pure."""

from collections.abc import Mapping

from director.provisioning.base import Verdict


def exactly(live: Mapping[str, str], wanted: Mapping[str, str]) -> Verdict | None:
    """The rule for these entries and no others. Values are not shown: others may have put a secret there."""
    given = [f"set {name}" for name in sorted(wanted) if live.get(name) != wanted[name]]
    given += [f"remove {name}" for name in sorted(set(live) - set(wanted))]
    return Verdict("update", ", ".join(given)) if given else None
