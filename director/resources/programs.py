"""Whose rights a program of a document has, and what has to be there before it is started. Pure."""

from collections.abc import Iterable

from director import keys
from director.documents.specs.programs import Program
from director.keys import Key
from director.provisioning.base import Context


def account(context: Context, spec: Program) -> str:
    """The e-mail address of the service account that it runs as."""
    named = spec.service_account
    if spec.service is not None:
        named = context.architecture.dataflows[context.dataflow].services[spec.service].service_account
    text = str(named)
    return text if "@" in text else keys.service_account(context.project, text)[1]


def needs(context: Context, spec: Program, secrets: Iterable[str] = ()) -> tuple[Key, ...]:
    """Its account and its secrets, as far as the dataflow declares them."""
    named = sorted({secret.partition("/versions/")[0] for secret in secrets})
    return (keys.SERVICE_ACCOUNTS, account(context, spec)), *((keys.SECRETS, name) for name in named)


def services(context: Context, spec: Program) -> frozenset[str]:
    """Those it runs or is linked to."""
    return context.services(spec) | ({spec.service} if spec.service else frozenset())


def consumes(context: Context, spec: Program) -> bool:
    """Whether it is a service that takes messages from Pub/Sub, which nobody sends to it."""
    found = context.architecture.dataflows[context.dataflow].resources
    of_topics = (link for topic in found.topics for link in topic.consumers)
    of_subscriptions = (each.consumer_service for each in found.subscriptions if each.consumer_service)
    return any(link.name == spec.service for link in (*of_topics, *of_subscriptions))
