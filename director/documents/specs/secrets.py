"""Secret Manager in documents: where secrets are, never what they are."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import Region
from director.documents.specs.resource import Link, Resource
from director.names import Labels, SecretName
from director.strict import Duration, Strict, between


class Rotation(Strict):
    """Secret Manager reminds on `topic`, one of the dataflow, once each `period`; whoever listens rotates."""

    topic: str
    period: Annotated[Duration, between("1h", "36500d")]


def _distinct(regions: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(regions)) < len(regions):
        raise ValueError("names a region twice; keep one")
    return regions


class Secret(Resource):
    """A secret that is there already or, with `create`, is made: empty, since its value comes from people.

    With `version` there must be an enabled one: `latest`, or one of its number.
    """

    name: SecretName
    version: Literal["latest"] | Annotated[int, Field(ge=1)] | None = None
    create: bool = False
    labels: Labels = Field(default_factory=dict)
    locations: Annotated[tuple[Region, ...], AfterValidator(_distinct)] = ()
    ttl: Annotated[Duration, between("1h", "36500d")] | None = None
    rotation: Rotation | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()

    @model_validator(mode="after")
    def _of_our_making(self) -> Self:
        said = [name for name in ("labels", "locations", "ttl", "rotation") if getattr(self, name)]
        if said and not self.create:
            raise ValueError(f"{said[0]}: the secret is somebody else's; add create: true, or remove it")
        return self
