"""The prediction API behind certificates: only callers that an authority of ours knows come in."""

import datetime
import ipaddress
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mojoline.settings import SettingsError, load_settings
from tests.api.live_server import new_registry, publish, server_process


class Authority:
    """Signs certificates and writes them, with their keys, as PEM files."""

    def __init__(self, directory, name: str) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = directory / f"{name}.pem"
        self._write(self.path, self._sign(self._name, self._key, is_authority=True))

    def issue(self, name: str) -> tuple[str, str]:
        """The files of a certificate for 127.0.0.1 and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        self._write(certificate, self._sign(subject, key, is_authority=False))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(certificate), str(private)

    def _sign(self, subject, key, *, is_authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())

    @staticmethod
    def _write(path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def ask(port: int, trusted: Authority, certificate: tuple[str, str] | None) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(trusted.path))
    if certificate is not None:
        context.load_cert_chain(*certificate)
    with httpx.Client(verify=context, trust_env=False, timeout=30) as client:
        return client.post(f"https://127.0.0.1:{port}/predict", json={"rows": [{}]})


def test_a_caller_needs_a_certificate_of_the_right_authority(tmp_path):
    registry = new_registry(tmp_path)
    manifest = publish(registry, "first")
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    certificate, key = ours.issue("server")
    env = {
        "MOJOLINE_SERVING__TLS_CERT": certificate,
        "MOJOLINE_SERVING__TLS_KEY": key,
        "MOJOLINE_SERVING__TLS_CLIENT_CA": str(ours.path),
    }
    with server_process(registry, **env) as server:
        server.wait(lambda: server.admin.get("/admin/status").json()["ready"])
        port = server.ports[0]
        known, stranger = ours.issue("caller"), others.issue("stranger")
        answer = ask(port, ours, known)
        assert answer.status_code == 200
        assert answer.json()["model_version"] == manifest.version
        for refused in (None, stranger):
            with pytest.raises(httpx.TransportError):
                ask(port, ours, refused)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(port, others, known)  # the caller trusts another authority: it is the one who refuses
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/v2/health/live", trust_env=False)  # no plain text
        assert ask(port, ours, known).status_code == 200  # after all that
        assert server.stop() == 0


def test_halves_and_missing_files_are_named(tmp_path):
    certificate, key = Authority(tmp_path, "ours").issue("server")
    wrong = [
        ({"tls_cert": certificate}, "tls_cert and tls_key"),
        ({"tls_client_ca": certificate}, "of no use"),
        ({"tls_cert": certificate, "tls_key": f"{tmp_path}/none"}, "none cannot be read"),
    ]
    for given, message in wrong:
        with pytest.raises(SettingsError, match=message):
            load_settings(home=tmp_path, serving=given)
    assert load_settings(home=tmp_path, serving={"tls_cert": certificate, "tls_key": key})
