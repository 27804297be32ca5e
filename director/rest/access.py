"""Who may reach a director that serves, as the command line says it. Light until it is asked for it."""

import argparse
import ipaddress
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from director.arguments import LEASE_SECONDS
from director.durations import duration, written
from director.errors import Misconfigured

if TYPE_CHECKING:
    from google.cloud.firestore import Client

    from director.documents.model import Architecture
    from director.operations.store import OperationStore
    from director.rest.app import Safety
    from director.safety.audit import Records
    from director.safety.authentication import Authenticator
    from director.safety.policy import Grant

Way = Literal["none", "api_keys", "google"]
FIRESTORE = "firestore"
SHORTEST_PAUSE = timedelta(seconds=10)
KEPT = {"audit": "400d", "journal": "400d", "operations": "30d"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--auth",
        choices=get_args(Way),
        default="none",
        help="who callers are: google (by ID tokens), api_keys, or none, on this machine only (default: none)",
    )
    parser.add_argument(
        "--audience", action="append", default=[], metavar="URL", help="with google: whom tokens must be made out to"
    )
    parser.add_argument("--api-keys", type=Path, metavar="FILE", help="with api_keys: their names and hashes")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="who may do what, beyond services and their slices")
    parser.add_argument("--open-to-network", action="store_true", help="let API keys be used from other machines")
    place = "FILE|firestore"
    parser.add_argument("--audit", metavar=place, help="keep the audit there too (default: log and memory)")
    parser.add_argument("--operations", metavar=place, help="keep operations there (default: in memory)")
    parser.add_argument("--commands", action="store_true", help="take commands as service_manager_spec says")
    about = "look for drift that often, such as 15m, tell of it, and apply what has enforce: true (default: never)"
    parser.add_argument("--drift-every", type=_pause, metavar="TIME", help=about)
    for what, days in KEPT.items():
        about = f"how long the {what} is kept, such as {days} (default)"
        parser.add_argument(f"--keep-{what}", type=_retention, default=duration(days), metavar="TIME", help=about)


def check(arguments: argparse.Namespace, architecture: "Architecture") -> None:
    """Before anything is opened for good. Raises Misconfigured, DocumentError or Unavailable.

    Refused is what would leave the door open, and what was meant to close it and does not.
    """
    _check_options(arguments, architecture)
    safety(arguments, architecture).store.close()


def _check_options(arguments: argparse.Namespace, architecture: "Architecture") -> None:
    way: Way = arguments.auth
    if arguments.commands and architecture.service_manager_spec is None:
        raise Misconfigured("--commands: the document names no topics for them; add service_manager_spec to it")
    for wanted, given in (("google", arguments.audience), ("api_keys", arguments.api_keys)):
        if given and way != wanted:
            option = "--audience" if wanted == "google" else "--api-keys"
            raise Misconfigured(f"{option} does nothing with --auth {way}; add --auth {wanted}, or leave it out")
    if way == "none" and arguments.policy and not listens(arguments, architecture):
        raise Misconfigured("--policy does nothing with --auth none; add --auth google or api_keys, or leave it out")
    if way == "google" and not any(audience.strip() for audience in arguments.audience):
        raise Misconfigured("--auth google needs an audience; add --audience, such as the URL of this director")
    if way == "api_keys" and not arguments.api_keys:
        raise Misconfigured("--auth api_keys needs --api-keys FILE; make keys with `python -m director api-key NAME`")
    if way == "none" or (way == "api_keys" and not arguments.open_to_network):
        _check_loopback(way, arguments.host)


def safety(
    arguments: argparse.Namespace, architecture: "Architecture", firestore: "Callable[[], Client] | None" = None
) -> "Safety":
    """Raises Misconfigured, DocumentError or Unavailable. To be called in the process that serves.

    Without `firestore`, what would be kept there is kept in memory: that is for a look at everything else.
    """
    from director.rest.app import Safety
    from director.safety.authorization import everything_here
    from director.safety.commands import check_names, grants_of_commands
    from director.safety.policy import load, own_slices

    written = load(arguments.policy, architecture).grants if arguments.policy else None
    commands = grants_of_commands(written) if listens(arguments, architecture) else ()
    authenticator = _authenticator(arguments)
    if listens(arguments, architecture):
        check_names(getattr(authenticator, "names", ()))

    def grants(of: "Architecture") -> "tuple[Grant, ...]":
        own = (everything_here(),) if arguments.auth == "none" else own_slices(of)
        return (*own, *(written or ()), *commands)

    return Safety(
        authenticator=authenticator,
        grants=grants(architecture),
        regranted=grants,
        records=_records(arguments, architecture, firestore),
        store=_operations(arguments, architecture, firestore),
        lease_seconds=getattr(arguments, "lease_seconds", LEASE_SECONDS),
    )


def listens(arguments: argparse.Namespace, architecture: "Architecture") -> bool:
    """Whether commands are taken from Pub/Sub."""
    return bool(arguments.commands or architecture.service_manager_spec)


def root(arguments: argparse.Namespace, architecture: "Architecture") -> str:
    """The document in Firestore below which operations and audit of this architecture are kept."""
    return f"{arguments.journal_collection}/{architecture.project_id}.{architecture.name}"


def _records(
    arguments: argparse.Namespace, architecture: "Architecture", firestore: "Callable[[], Client] | None"
) -> "Records":
    from director.retries import Retries
    from director.safety.audit import MemoryRecords
    from director.safety.audit_file import FileRecords
    from director.safety.audit_firestore import FirestoreRecords

    if arguments.audit == FIRESTORE and firestore is not None:
        return FirestoreRecords(firestore(), Retries(), root(arguments, architecture))
    return FileRecords(Path(arguments.audit)) if arguments.audit not in (None, FIRESTORE) else MemoryRecords()


def _operations(
    arguments: argparse.Namespace, architecture: "Architecture", firestore: "Callable[[], Client] | None"
) -> "OperationStore":
    from director.operations.file import FileOperations
    from director.operations.firestore import FirestoreOperations
    from director.retries import Retries

    if arguments.operations == FIRESTORE and firestore is not None:
        return FirestoreOperations(firestore(), Retries(), root(arguments, architecture))
    return FileOperations(Path(arguments.operations) if arguments.operations not in (None, FIRESTORE) else None)


def _duration(text: str) -> timedelta:
    try:
        found = duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return found


def _retention(text: str) -> timedelta:
    found = _duration(text)
    if found < timedelta(days=1):
        raise argparse.ArgumentTypeError("at least 1d, for what is needed today is not forgotten")
    return found


def _pause(text: str) -> timedelta:
    found = _duration(text)
    if found < SHORTEST_PAUSE:
        raise argparse.ArgumentTypeError(f"at least {written(SHORTEST_PAUSE)}: each look asks Google for everything")
    return found


def _authenticator(arguments: argparse.Namespace) -> "Authenticator":
    from director.safety.api_keys import ApiKeys
    from director.safety.authentication import Anyone, IdTokens
    from director.safety.certificates import Certificates

    if arguments.auth == "google":
        return IdTokens(arguments.audience, Certificates())
    return ApiKeys.of(arguments.api_keys) if arguments.auth == "api_keys" else Anyone()


def _check_loopback(way: Way, host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return  # no address at all, which the server says
    if loopback:
        return
    if way == "none":
        reason = "nobody is asked who they are, so the director listens on this machine only"
        raise Misconfigured(f"--host {host} is refused: {reason}; use 127.0.0.1, or --auth google")
    reason = "API keys would travel beyond this machine"
    raise Misconfigured(f"--host {host} is refused: {reason}; use 127.0.0.1, or add --open-to-network behind TLS")
