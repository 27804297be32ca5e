"""Where Google's services are and who we are there: the one place that knows of stand-ins. PUBLIC, light imports.

Google's own variables decide (`PUBSUB_EMULATOR_HOST` and the like; where it has none, ours in the same pattern).
Where one is set, calls go there in plain text and without credentials; elsewhere TLS and Application Default
Credentials hold.
"""

import os
from typing import Literal

import google.auth
import google.auth.transport.grpc
import google.auth.transport.requests
import grpc
from google.auth.credentials import AnonymousCredentials, Credentials

Service = Literal[
    "pubsub", "firestore", "storage", "bigquery", "bigquerystorage", "monitoring", "secretmanager",
    "cloudresourcemanager", "iam", "cloudscheduler", "run", "dataflow",
]  # fmt: skip

EMULATOR_VARIABLES: dict[Service, str] = {
    "pubsub": "PUBSUB_EMULATOR_HOST",
    "firestore": "FIRESTORE_EMULATOR_HOST",
    "storage": "STORAGE_EMULATOR_HOST",
    "bigquery": "BIGQUERY_EMULATOR_HOST",
    "bigquerystorage": "BIGQUERY_STORAGE_EMULATOR_HOST",
    "monitoring": "MONITORING_EMULATOR_HOST",
    "secretmanager": "SECRET_MANAGER_EMULATOR_HOST",
    "cloudresourcemanager": "RESOURCE_MANAGER_EMULATOR_HOST",
    "iam": "IAM_EMULATOR_HOST",
    "cloudscheduler": "CLOUD_SCHEDULER_EMULATOR_HOST",
    "run": "CLOUD_RUN_EMULATOR_HOST",
    "dataflow": "DATAFLOW_EMULATOR_HOST",
}
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
LARGEST_MESSAGE = 64 << 20  # bytes; gRPC's own default of 4 MiB is below a full Pub/Sub response


def emulator(service: Service) -> str | None:
    """`host:port` (gRPC services) or URL (Storage, BigQuery, Resource Manager, IAM) of the stand-in, if one is set."""
    return os.environ.get(EMULATOR_VARIABLES[service]) or None


def base_url(service: Service) -> str:
    """Where the JSON interface of `service` is: of one whose stand-in is named by a URL."""
    return emulator(service) or f"https://{service}.googleapis.com"


def credentials(service: Service) -> Credentials:
    """Raises google.auth.exceptions.DefaultCredentialsError where Google is meant and no credentials are found."""
    if emulator(service):
        return AnonymousCredentials()
    found, _ = google.auth.default(scopes=SCOPES)
    return found


def channel(service: Service) -> grpc.Channel:
    """A gRPC channel to `service`, for clients that take a transport and for calls in raw bytes."""
    options = (
        ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection: whoever opens one wants that
    )
    address = emulator(service)
    if address:
        return grpc.insecure_channel(address, options=options)
    secure: grpc.Channel = google.auth.transport.grpc.secure_authorized_channel(
        credentials(service),
        google.auth.transport.requests.Request(),
        f"{service}.googleapis.com:443",
        options=options,
    )
    return secure
