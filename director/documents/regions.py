"""The places Google Cloud has, so that a misspelt one is found before any call. Light.

Regions: https://cloud.google.com/about/locations; multi- and dual-regions: the location pages of Cloud Storage and
BigQuery. A region opened later is added here.
"""

from typing import Annotated

from pydantic import AfterValidator

from director.strict import similar

_REGIONS = """
    africa-south1
    asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
    asia-southeast1 asia-southeast2 asia-southeast3 australia-southeast1 australia-southeast2
    europe-central2 europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4
    europe-west6 europe-west8 europe-west9 europe-west10 europe-west12
    me-central1 me-central2 me-west1
    northamerica-northeast1 northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1
    us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4
"""
REGIONS = frozenset(_REGIONS.split())
MULTI_REGIONS = frozenset({"EU", "US"})
BUCKET_MULTI_REGIONS = MULTI_REGIONS | {"ASIA", "ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"}


def _region(text: str) -> str:
    if text not in REGIONS:
        raise ValueError(f"unknown region {text!r}; {_advice(text, REGIONS)}")
    return text


def _location(multi_regions: frozenset[str]) -> AfterValidator:
    def known(text: str) -> str:
        if text not in REGIONS | multi_regions:
            raise ValueError(f"unknown location {text!r}; {_advice(text, REGIONS | multi_regions)}")
        return text

    return AfterValidator(known)


def _advice(text: str, known: frozenset[str]) -> str:
    for spelling in (text.upper(), text.lower()):
        if spelling in known:
            return f"did you mean '{spelling}'?"
    advice = similar(text, known)
    return advice if advice.startswith("did you mean") else "write a region such as europe-west1, or EU or US"


Region = Annotated[str, AfterValidator(_region)]
Location = Annotated[str, _location(MULTI_REGIONS)]
BucketLocation = Annotated[str, _location(BUCKET_MULTI_REGIONS)]
