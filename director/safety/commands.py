"""Who commands are: Pub/Sub does not tell who published a message, so all of them act as one identity of ours."""

from collections.abc import Iterable

from director.errors import Misconfigured
from director.safety.authentication import Identity
from director.safety.policy import EVERY, Grant

COMMANDS = Identity("commands", "pubsub")


def grants_of_commands(written: Iterable[Grant] | None) -> tuple[Grant, ...]:
    """What they may do beyond what is written of them. Raises Misconfigured where a policy says nothing of them.

    Without a policy they set up and verify, and tear nothing down.
    """
    if written is None:
        return (Grant(identity=COMMANDS.name, role="operator", dataflows=(EVERY,)),)
    if not any(grant.identity == COMMANDS.name for grant in written):
        example = f'{{identity: {COMMANDS.name}, role: operator, dataflows: ["*"]}}'
        raise Misconfigured(f"--policy: no command may do anything; grant it something, such as {example}")
    return ()


def check_names(names: Iterable[str]) -> None:
    """Raises Misconfigured where a caller of the other door would be taken for a command."""
    if COMMANDS.name in names:
        raise Misconfigured(f"--api-keys: a key is called '{COMMANDS.name}', as commands are; call it something else")
