"""Tokens as Google would sign them, by keys of our own, and a server that publishes the certificates."""

import datetime
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.crypt import RSASigner

AUDIENCE = "https://director.example"
EMAIL = "anna@example.com"


class Signer:
    """A key with its self-signed certificate."""

    def __init__(self, key_id: str = "key-1") -> None:
        self.key_id = key_id
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        self._signer = RSASigner.from_string(pem, key_id)

    @property
    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def token(self, header: Mapping[str, Any] | None = None, skew: float = 0.0, **claims: Any) -> str:
        """A good token, `skew` seconds from now, with claims changed; None leaves one out."""
        now = int(time.time() + skew)
        good = {
            "iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": "1", "email": EMAIL, "email_verified": True,
            "iat": now, "exp": now + 3600,
        }  # fmt: skip
        payload = {name: value for name, value in (good | claims).items() if value is not None}
        token: bytes = jwt.encode(self._signer, payload, header=dict(header or {}))
        return token.decode()


class Published:
    """What the server answers, and how often it was asked."""

    def __init__(self, *signers: Signer) -> None:
        self.certificates = {signer.key_id: signer.certificate for signer in signers}
        self.body: bytes | None = None
        self.status = 200
        self.max_age = 3600
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()
        self.url = ""


@contextmanager
def publishing(*signers: Signer) -> Iterator[Published]:
    published = Published(*signers)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked += 1
            published.gate.wait(10)
            body = published.body if published.body is not None else json.dumps(published.certificates).encode()
            self.send_response(published.status)
            self.send_header("Cache-Control", f"public, max-age={published.max_age}, must-revalidate")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    published.url = f"http://127.0.0.1:{server.server_port}/certs"
    yield published
    server.shutdown()
    thread.join(10)
    server.server_close()
