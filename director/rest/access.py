"""Who may reach a director that serves, as the command line says it. Light until it is asked for it."""

import argparse
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from director.errors import Misconfigured

if TYPE_CHECKING:
    from director.documents.model import Architecture
    from director.rest.app import Safety
    from director.safety.authentication import Authenticator

Way = Literal["none", "api_keys", "google"]


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
    parser.add_argument("--audit", type=Path, metavar="FILE", help="keep the audit there (default: log and memory)")
    parser.add_argument("--operations", type=Path, metavar="FILE", help="keep operations there (default: in memory)")


def check(arguments: argparse.Namespace, architecture: "Architecture") -> None:
    """Before anything is opened for good. Raises Misconfigured, DocumentError or Unavailable.

    Refused is what would leave the door open, and what was meant to close it and does not.
    """
    _check_options(arguments)
    safety(arguments, architecture).store.close()


def _check_options(arguments: argparse.Namespace) -> None:
    way: Way = arguments.auth
    for wanted, given in (("google", arguments.audience), ("api_keys", arguments.api_keys)):
        if given and way != wanted:
            option = "--audience" if wanted == "google" else "--api-keys"
            raise Misconfigured(f"{option} does nothing with --auth {way}; add --auth {wanted}, or leave it out")
    if way == "none" and arguments.policy:
        raise Misconfigured("--policy does nothing with --auth none; add --auth google or api_keys, or leave it out")
    if way == "google" and not any(audience.strip() for audience in arguments.audience):
        raise Misconfigured("--auth google needs an audience; add --audience, such as the URL of this director")
    if way == "api_keys" and not arguments.api_keys:
        raise Misconfigured("--auth api_keys needs --api-keys FILE; make keys with `python -m director api-key NAME`")
    if way == "none" or (way == "api_keys" and not arguments.open_to_network):
        _check_loopback(way, arguments.host)


def safety(arguments: argparse.Namespace, architecture: "Architecture") -> "Safety":
    """Raises Misconfigured, DocumentError or Unavailable. To be called in the process that serves."""
    from director.operations.store import OperationStore
    from director.rest.app import Safety
    from director.safety.audit import FileRecords, MemoryRecords
    from director.safety.authorization import everything_here
    from director.safety.policy import load, own_slices

    written = load(arguments.policy, architecture).grants if arguments.policy else ()
    return Safety(
        authenticator=_authenticator(arguments),
        grants=(everything_here(),) if arguments.auth == "none" else (*own_slices(architecture), *written),
        records=FileRecords(arguments.audit) if arguments.audit else MemoryRecords(),
        store=OperationStore(arguments.operations),
    )


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
