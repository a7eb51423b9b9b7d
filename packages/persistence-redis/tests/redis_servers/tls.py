"""Redis with TLS: certificates made for the occasion, and servers that have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from nact_conformance.containers import DURABLE, ContainerStorage

_FILES = {"CERT": "cert.pem", "KEY": "key.pem", "CA": "ca.pem"}
_WRITE_FILES = "; ".join(f'printf %s "${name}" > /tmp/{file}' for name, file in _FILES.items())
_TLS = "--port 0 --tls-port {port} --tls-cert-file /tmp/cert.pem --tls-key-file /tmp/key.pem --tls-ca-cert-file"


class Certificates:
    """An authority, and certificates that it issued, as files for clients.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1")
        self.for_server = {
            "CERT": server.cert_chain_pems[0].bytes().decode(),
            "KEY": server.private_key_pem.bytes().decode(),
            "CA": authority.cert_pem.bytes().decode(),
        }
        self.authority = str(folder / "authority.pem")
        authority.cert_pem.write_to_path(self.authority)
        self.stranger = str(folder / "stranger.pem")
        trustme.CA().cert_pem.write_to_path(self.stranger)
        client = authority.issue_cert("nact@example.org")
        self.certificate, self.key = str(folder / "client.pem"), str(folder / "client.key")
        client.cert_chain_pems[0].write_to_path(self.certificate)
        client.private_key_pem.write_to_path(self.key)

    @property
    def query(self) -> str:
        """What a URL says of a client that trusts the authority, and has a certificate."""
        return f"ssl_ca_certs={self.authority}&ssl_certfile={self.certificate}&ssl_keyfile={self.key}"


@contextmanager
def tls_server(image: str, certificates: Certificates, *options: str) -> Iterator[ContainerStorage]:
    """A server that speaks TLS only, and wants a certificate of its clients. Its proxy passes on what it can't read."""
    command = " ".join(
        [_WRITE_FILES, "; exec docker-entrypoint.sh redis-server", _TLS, "/tmp/ca.pem", *DURABLE, *options]
    )
    server = ContainerStorage(
        image, port=None, url="rediss://127.0.0.1:{port}/0", command=["sh", "-c", command], env=certificates.for_server
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()
