"""serve/webhooks/sending.py over TLS: the certificate must be the host's, though an address is connected to."""

import asyncio
import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serve.webhooks.sending import NotDelivered, Sender
from tests.serve.webhooks.conftest import SECRET, WAIT_SECONDS

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def certificate(tmp_path):
    """A file with the key and the certificate of city.example, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "city.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("city.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "city.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def send(certificate, host, addresses):
    """Send one message to `host`, which has these addresses; return the names that clients asked for."""
    asked = []

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async def whole():
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        tls.sni_callback = lambda _, name, __: asked.append(name)
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        sender = Sender(
            timeout_seconds=WAIT_SECONDS, allow_private=True, most_at_once=1, resolve=lambda host, port: addresses
        )
        try:
            await sender.send(f"https://{host}:{port}/hooks", SECRET, "msg_1", "{}", NOW)
        finally:
            await sender.end()
            server.close()

    asyncio.run(whole())
    return asked


def test_the_certificate_of_the_host_is_demanded(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert send(certificate, "city.example", ["127.0.0.1"]) == ["city.example"]
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        send(certificate, "other.example", ["127.0.0.1"])


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        send(certificate, "city.example", ["127.0.0.1"])


def test_the_next_address_is_tried_where_one_cannot_be_reached(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert send(certificate, "city.example", ["127.0.0.2", "127.0.0.1"]) == ["city.example"]
