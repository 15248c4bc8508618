"""H23: a certificate that is expired, for another host or unknown is refused, and so is an old protocol."""

from __future__ import annotations

import datetime
import ssl
import time
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mx_pipeline.errors import MxTimedOut, MxUnreachable
from mx_pipeline.mx_api import CallLimits
from mx_pipeline.records import PaymentDetail
from mx_pipeline_tests.mx_api.samples import FIRST_ID, a_payment_detail
from mx_pipeline_tests.mx_api.vendor import Request, Vendor, a_reply

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
ONE_TRY = CallLimits(tries=1)
HASTY = CallLimits(tries=1, total_deadline_seconds=0.5)
DRIPS_FOR_SECONDS = 30


def a_server(
    folder: Path, *, host: str = "localhost", until: datetime.datetime = NOW + DAY
) -> ssl.SSLContext:
    """A TLS server whose own certificate, `folder/ca.pem`, is to be trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - 9 * DAY)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_h23_a_trusted_server_is_believed(a_client, tmp_path):
    with Vendor(tls=a_server(tmp_path)) as vendor:
        vendor.answers(a_reply(a_payment_detail()))
        client = a_client(base_url=vendor.url, ca_file=tmp_path / "ca.pem")

        assert isinstance(client.get_payment(FIRST_ID + 1), PaymentDetail)
        assert isinstance(client.get_payment(FIRST_ID + 1), PaymentDetail)
        assert vendor.connections == 1


@pytest.mark.parametrize(
    "certificate", [{"until": NOW - DAY}, {"host": "other.test"}], ids=["expired", "other host"]
)
def test_h23_a_wrong_certificate_is_refused_before_the_key_is_sent(a_client, tmp_path, certificate):
    with Vendor(tls=a_server(tmp_path, **certificate)) as vendor:
        client = a_client(base_url=vendor.url, ca_file=tmp_path / "ca.pem", limits=ONE_TRY)

        with pytest.raises(MxUnreachable, match="TLS certificate"):
            client.get_payment(7)

        assert vendor.requests == []


def test_h23_an_unknown_issuer_is_refused_whatever_the_environment_says(a_client, tmp_path, monkeypatch):
    with Vendor(tls=a_server(tmp_path)) as vendor:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))

        with pytest.raises(MxUnreachable, match="TLS certificate"):
            a_client(base_url=vendor.url, limits=ONE_TRY).get_payment(7)

        assert vendor.requests == []


def test_h23_tls_1_1_is_refused(a_client, tmp_path):
    server = a_server(tmp_path)
    server.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    with Vendor(tls=server) as vendor:
        client = a_client(base_url=vendor.url, ca_file=tmp_path / "ca.pem", limits=ONE_TRY)

        with pytest.raises(MxUnreachable, match="protocol"):
            client.get_payment(7)


def test_h10_a_tls_server_that_drips_is_left_at_the_deadline(a_client, tmp_path):
    def drips(_: Request, wire: object) -> None:
        for _turn in range(DRIPS_FOR_SECONDS * 50):
            wire.sendall(b"H")
            time.sleep(0.02)

    with Vendor(tls=a_server(tmp_path)) as vendor:
        vendor.answers(drips)
        client = a_client(base_url=vendor.url, ca_file=tmp_path / "ca.pem", limits=HASTY)
        began = time.monotonic()

        with pytest.raises(MxTimedOut):
            client.get_payment(7)

        assert time.monotonic() - began < DRIPS_FOR_SECONDS
