"""What Google answers, as the director's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError
from google.auth.exceptions import TransportError

from director.errors import Misconfigured, Rejected, Unavailable
from director.retries import transient

PASSING = (RetryError, TransportError, requests.exceptions.RequestException)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raises Unavailable, Rejected, or Misconfigured for what does not exist."""
    try:
        yield
    except NotFound as error:
        raise Misconfigured(f"{what}: {error.message}; is it there? `conductor apply` makes it") from error
    except (GoogleAPICallError, *PASSING) as error:
        kind = Unavailable if transient(error) or isinstance(error, PASSING) else Rejected
        raise kind(f"{what}: {getattr(error, 'message', '') or error}") from error
