"""Service accounts in documents, and how others name one."""

from typing import Annotated

from pydantic import AfterValidator

from director.documents.specs.resource import Resource
from director.names import ServiceAccountName, matching

_ID = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
ServiceAccountReference = Annotated[
    str,
    matching(
        "service account",
        _ID + r"|[^@\s]{1,63}@[a-z0-9.-]+\.gserviceaccount\.com",
        "the name of one in this project (6-30 lower-case letters, digits and '-'), or an e-mail address of one",
    ),
]


def _at_most(bytes_: int) -> AfterValidator:
    def short(text: str) -> str:
        if len(text.encode()) > bytes_:
            raise ValueError(f"has {len(text.encode())} bytes; IAM takes {bytes_}")
        return text

    return AfterValidator(short)


class ServiceAccount(Resource):
    """An account that services work as. It never has keys: who runs a service is given its tokens."""

    name: ServiceAccountName
    display_name: Annotated[str, _at_most(100)] = ""
    description: Annotated[str, _at_most(256)] = ""
    disabled: bool = False
