"""Where everything of one demo listens: chosen before anything starts, so that what is started again is found again."""

from dataclasses import dataclass
from typing import Self

from localcloud.ports import HOST, free_port

PROJECT = "local-project"
NO_PROXY = "127.0.0.1,localhost"


@dataclass(frozen=True, slots=True)
class Addresses:
    """One port of loopback each."""

    grpc: int
    http: int
    mqtt: int
    redis: int
    director: int
    bridge: int
    enrichment: int
    warehouse: int
    archive: int

    @classmethod
    def free(cls) -> Self:
        ports: list[int] = []
        while len(ports) < len(cls.__slots__):
            port = free_port()
            if port not in ports:
                ports.append(port)
        return cls(*ports)

    def url(self, name: str, scheme: str = "http") -> str:
        return f"{scheme}://{HOST}:{getattr(self, name)}"

    @property
    def broker_url(self) -> str:
        return self.url("mqtt", "mqtt")

    @property
    def redis_url(self) -> str:
        return self.url("redis", "redis")

    def variables(self) -> dict[str, str]:
        """The environment that points Google's clients here and keeps every process on loopback."""
        return {
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "FIRESTORE_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "BIGQUERY_STORAGE_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "MONITORING_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "SECRET_MANAGER_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "CLOUD_SCHEDULER_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "CLOUD_RUN_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "DATAFLOW_EMULATOR_HOST": f"{HOST}:{self.grpc}",
            "RESOURCE_MANAGER_EMULATOR_HOST": self.url("http"),
            "IAM_EMULATOR_HOST": self.url("http"),
            "STORAGE_EMULATOR_HOST": self.url("http"),
            "BIGQUERY_EMULATOR_HOST": self.url("http"),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "NO_GCE_CHECK": "true",
            "NO_PROXY": NO_PROXY,
            "no_proxy": NO_PROXY,
        }
