"""What the director may say no with, named by what the caller can do.

DirectorError
  Unknown         no such dataflow or service here: check the names
  Busy            the same is being done already: ask again later
  Unavailable     Google's services do not answer now: try again
  Rejected        Google refuses to answer: see to the rights, or to what the message names
  Misconfigured   the process cannot work where it was started: change what the message names
"""


class DirectorError(Exception):
    """Base of the director's own errors; the message says what was wrong, where, and what to do."""


class Unknown(DirectorError):
    """No such dataflow or service here; the same for absent and foreign ones."""


class Busy(DirectorError):
    """Another call is doing this very thing."""


class Unavailable(DirectorError):
    """Google could not be asked, for a reason that may pass. Nothing was changed."""


class Rejected(DirectorError):
    """Google refused to be asked, for a reason that will not pass by itself. Nothing was changed."""


class Misconfigured(DirectorError):
    """An environment variable, an address or a file with which the process cannot work."""
