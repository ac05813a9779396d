"""The simulator's certificates: what they say, whom they satisfy, and that their bytes never change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1, sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

import sim.pki.issue
from sim.pki.certificate import fingerprint_of
from sim.pki.issue import EARLIEST, LATEST, authority, issue, server_key
from sim.text import quoted

OPENSSL = shutil.which("openssl")

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=397)
SECOND = timedelta(seconds=1)
HOST = "mdm.example.com"
KEY_FILES = {"rfc9500_rsa2048.pem": 2048, "rfc9500_rsa4096.pem": 4096}


def issued(**changes: Any) -> x509.Certificate:
    arguments: dict[str, Any] = {
        "generation": 0,
        "host": HOST,
        "not_before": BEGIN,
        "not_after": END,
        "issuer": "ksc",
    }
    return issue(**(arguments | changes))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension[Any]:
    return certificate.extensions.get_extension_for_class(kind)


# --- the keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file_name", "bits"), KEY_FILES.items())
def test_a_published_key_is_consistent_and_of_its_size(file_name: str, bits: int) -> None:
    text = Path(sim.pki.issue.__file__).with_name(file_name).read_bytes()
    key = load_pem_private_key(text, password=None)  # with the check that loading in earnest leaves out
    assert isinstance(key, RSAPrivateKey)
    numbers = key.private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    assert n.bit_length() == bits
    assert e == 65537
    assert numbers.p * numbers.q == n
    assert numbers.d * e % ((numbers.p - 1) * (numbers.q - 1)) == 1
    assert numbers.dmp1 == numbers.d % (numbers.p - 1)
    assert numbers.dmq1 == numbers.d % (numbers.q - 1)
    assert numbers.iqmp * numbers.q % numbers.p == 1


@pytest.mark.parametrize("file_name", KEY_FILES)
def test_a_key_file_says_that_it_is_public_and_secures_nothing(file_name: str) -> None:
    first = Path(sim.pki.issue.__file__).with_name(file_name).read_text(encoding="ascii").splitlines()[0]
    assert first.startswith("# RFC 9500 section 2.1, testRSA")
    assert first.endswith("secures nothing.")


def test_no_private_number_is_shown_carried_or_raised() -> None:
    certificate = issued()
    shown = [repr(certificate), str(certificate), repr(server_key()), pem(certificate), repr(certificate)]
    for wrong in ({"host": "a b"}, {"not_after": BEGIN - SECOND}, {"generation": 10**40}):
        with pytest.raises(ValueError, match=r"a b|after|length") as caught:
            issued(**wrong)
        shown.append(repr(caught.value))
    carried = der(certificate) + authority().public_bytes(Encoding.DER)
    for key in (server_key(), sim.pki.issue._key("rfc9500_rsa4096.pem")):
        numbers = key.private_numbers()
        for number in (numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp):
            assert number.to_bytes((number.bit_length() + 7) // 8) not in carried
            assert not any(str(number) in text or f"{number:x}" in text for text in shown)
    assert not any("PRIVATE" in text for text in shown)


# --- the requirements (Kaspersky types M and MR; Apple, trusted certificates) -------------------------


def test_the_key_is_rsa_of_2048_bits_and_the_signature_sha256() -> None:
    certificate = issued()
    public_key = certificate.public_key()
    assert isinstance(public_key, RSAPublicKey)
    assert public_key.key_size == 2048
    assert public_key == server_key().public_key()
    assert isinstance(certificate.signature_hash_algorithm, SHA256)


def test_basic_constraints_say_ca_without_a_path_length() -> None:
    constraints = extension(issued(), x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca is True
    assert constraints.value.path_length is None


def test_the_key_usages_are_exactly_the_four_required() -> None:
    usage = extension(issued(), x509.KeyUsage)
    assert usage.critical
    required = ("digital_signature", "key_cert_sign", "key_encipherment", "crl_sign")
    others = ("content_commitment", "data_encipherment", "key_agreement")
    assert all(getattr(usage.value, name) for name in required)
    assert not any(getattr(usage.value, name) for name in others)


def test_the_extended_key_usage_is_server_authentication() -> None:
    assert list(extension(issued(), x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_the_key_identifiers_are_those_of_rfc_5280_and_chain_to_the_authority() -> None:
    def method_1(key: RSAPublicKey) -> bytes:  # RFC 5280 4.2.1.2: SHA-1 of the key's bit string
        return sha1(key.public_bytes(Encoding.DER, PublicFormat.PKCS1), usedforsecurity=False).digest()

    certificate, issuer_key = issued(), authority().public_key()
    assert isinstance(issuer_key, RSAPublicKey)
    assert extension(certificate, x509.SubjectKeyIdentifier).value.digest == method_1(
        server_key().public_key()
    )
    assert extension(certificate, x509.AuthorityKeyIdentifier).value.key_identifier == method_1(issuer_key)
    assert extension(authority(), x509.SubjectKeyIdentifier).value.digest == method_1(issuer_key)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mdm.example.com", x509.DNSName("mdm.example.com")),
        ("MDM.Example.COM.", x509.DNSName("mdm.example.com")),
        ("kes_server", x509.DNSName("kes_server")),
        ("münchen.example", x509.DNSName("xn--mnchen-3ya.example")),
        ("xn--mnchen-3ya.example", x509.DNSName("xn--mnchen-3ya.example")),
        ("пример.example", x509.DNSName("xn--e1afmkfd.example")),
        (".".join(["a" * 63] * 3 + ["b" * 61]), x509.DNSName(".".join(["a" * 63] * 3 + ["b" * 61]))),
        ("192.0.2.7", x509.IPAddress(ip_address("192.0.2.7"))),
        ("2001:db8::7", x509.IPAddress(ip_address("2001:db8::7"))),
        ("[2001:DB8:0::7]", x509.IPAddress(ip_address("2001:db8::7"))),
    ],
)
def test_the_host_is_the_only_alternative_name_in_its_own_kind(host: str, expected: x509.GeneralName) -> None:
    assert list(extension(issued(host=host), x509.SubjectAlternativeName).value) == [expected]


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "a..b", ".a", "a b", "a\n", "a\x00b", "-a.example", "a-.example", "*.example.com", "a/b"),
        *(
            "mdm.example.com:13292",
            "[192.0.2.7]",
            "[mdm]",
            "[::1",
            "192.0.2.7:13292",
            "300.1.1.1",
            "1.2.3",
            "7",
        ),
        *("a" * 64 + ".example", ".".join(["a" * 63] * 4), "ü" * 70, "１.２.３.４"),
        *("straße.example", "fe80::1%eth0", "https://mdm.example.com"),
    ],
)
def test_a_host_that_no_device_could_dial_is_refused_by_name(host: str) -> None:
    with pytest.raises(ValueError, match=r"hosts|zone|name of a host") as caught:
        issued(host=host)
    assert quoted(host) in str(caught.value)


def test_the_authority_is_a_certificate_authority_for_all_time_signed_by_itself() -> None:
    root = authority()
    root.verify_directly_issued_by(root)
    assert (root.not_valid_before_utc, root.not_valid_after_utc) == (EARLIEST, LATEST)
    constraints, usage = extension(root, x509.BasicConstraints), extension(root, x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature


# --- dates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [
        (BEGIN, BEGIN + SECOND),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)),
        (datetime(2120, 2, 29, tzinfo=UTC), datetime(2121, 4, 1, tzinfo=UTC)),
        (EARLIEST, LATEST),
    ],
)
def test_dates_go_into_the_certificate_as_they_are(not_before: datetime, not_after: datetime) -> None:
    certificate = issued(not_before=not_before, not_after=not_after)
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (not_before, not_after)
    for instant in (not_before, not_after):  # RFC 5280 4.1.2.5: UTCTime through 2049, then GeneralizedTime
        text = f"{instant:%y%m%d%H%M%SZ}" if instant.year < 2050 else f"{instant:%Y%m%d%H%M%SZ}"
        tag = b"\x17" if instant.year < 2050 else b"\x18"
        assert tag + bytes([len(text)]) + text.encode() in der(certificate)


def test_another_time_zone_is_the_same_instant_and_the_same_bytes() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    elsewhere = issued(generation=90, not_before=BEGIN.astimezone(zone), not_after=END.astimezone(zone))
    assert elsewhere == issued(generation=90)


@pytest.mark.parametrize(
    "changes", [{"not_after": BEGIN - SECOND}, {"not_before": EARLIEST - SECOND}, {"host": "a b"}]
)
def test_what_a_certificate_cannot_say_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"after|1950|a b"):
        issued(**changes)


# --- identity ----------------------------------------------------------------------------------------


def test_the_fingerprint_is_the_sha256_of_the_bytes() -> None:
    certificate = issued()
    assert fingerprint_of(certificate) == f"sha256:{sha256(der(certificate)).hexdigest()}"
    assert x509.load_pem_x509_certificate(pem(certificate).encode()).fingerprint(SHA256()).hex() in (
        fingerprint_of(certificate)
    )


def test_each_argument_is_part_of_the_identity() -> None:
    same_dates = [issued(generation=number) for number in range(20)]
    others = [
        issued(host="mdm2.example.com"),
        issued(not_before=BEGIN + SECOND),
        issued(not_after=END + SECOND),
        issued(issuer="custom"),
    ]
    certificates = same_dates + others
    assert len({fingerprint_of(certificate) for certificate in certificates}) == len(certificates)
    assert len({certificate.serial_number for certificate in certificates}) == len(certificates)


def test_serial_numbers_are_positive_and_of_at_most_20_octets() -> None:
    numbers = [issued(generation=number).serial_number for number in range(50)]
    assert all(0 < number < 2**159 for number in [*numbers, authority().serial_number])


_PRINT_CERTIFICATES = f"""
from datetime import datetime
from sim.pki.issue import authority, issue
from cryptography.hazmat.primitives.serialization import Encoding
begin, end = (datetime.fromisoformat(text) for text in ({BEGIN.isoformat()!r}, {END.isoformat()!r}))
print(authority().public_bytes(Encoding.DER).hex())
for host in ({HOST!r}, "2001:db8::7"):
    own = issue(generation=3, host=host, not_before=begin, not_after=end, issuer="ksc")
    print(own.public_bytes(Encoding.DER).hex())
"""


@pytest.mark.parametrize(("hash_seed", "zone"), [("0", "UTC"), ("1", "Asia/Kolkata"), ("random", "XYZ+11")])
def test_every_process_issues_the_same_bytes(hash_seed: str, zone: str) -> None:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": "C"}
    command = [sys.executable, "-c", _PRINT_CERTIFICATES]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    expected = [authority().public_bytes(Encoding.DER)]
    expected += [der(issued(generation=3, host=host)) for host in (HOST, "2001:db8::7")]
    assert [bytes.fromhex(line) for line in printed.stdout.split()] == expected


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag]) + (bytes([length]) if length < 128 else bytes([0x80 | len(size)]) + size) + content


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _extension(last_arc: int, value: bytes, *, critical: bool = False) -> bytes:
    identifier = _der(0x06, bytes([0x55, 0x1D, last_arc]))  # 2.5.29.x
    return _der(0x30, identifier, b"\x01\x01\xff" if critical else b"", _der(0x04, value))


def _rsa_info(key: RSAPrivateKey) -> tuple[bytes, bytes]:
    numbers = key.private_numbers().public_numbers
    bits = _der(0x30, _integer(numbers.n), _integer(numbers.e))
    algorithm = _der(0x30, bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")
    identifier = sha1(bits, usedforsecurity=False).digest()
    return _der(0x30, algorithm, _der(0x03, b"\x00", bits)), identifier


def _name(common_name: str) -> bytes:
    def part(last_arc: int, text: str) -> bytes:
        return _der(0x31, _der(0x30, bytes([6, 3, 0x55, 4, last_arc]), _der(0x0C, text.encode())))

    return _der(0x30, part(10, "Simulation, secures nothing"), part(3, common_name))


def test_the_bytes_are_those_written_out_by_hand_from_the_standards() -> None:
    """RFC 5280 in DER, and RSASSA-PKCS1-v1_5 (RFC 8017 8.2) by Python's own powers: no library decides."""
    not_after = datetime(2050, 1, 1, tzinfo=UTC)
    content = f"7\n{HOST}\n{BEGIN}\n{not_after}\ncustom"
    serial_number = int.from_bytes(sha256(content.encode()).digest()[:20]) >> 1
    public_key, subject_identifier = _rsa_info(server_key())
    authority_key = sim.pki.issue._key("rfc9500_rsa4096.pem")
    _, authority_identifier = _rsa_info(authority_key)
    sha256_with_rsa = _der(0x30, bytes.fromhex("06092a864886f70d01010b"), b"\x05\x00")
    to_sign = _der(
        0x30,
        _der(0xA0, _integer(2)),
        _integer(serial_number),
        sha256_with_rsa,
        _name("reissue simulation authority"),
        _der(0x30, _der(0x17, b"260301000000Z"), _der(0x18, b"20500101000000Z")),
        _name("Mobile Administration Server 7 (custom)"),
        public_key,
        _der(
            0xA3,
            _der(
                0x30,
                _extension(19, _der(0x30, b"\x01\x01\xff"), critical=True),
                _extension(15, _der(0x03, b"\x01", bytes([0b10100110])), critical=True),
                _extension(37, _der(0x30, bytes.fromhex("06082b06010505070301"))),
                _extension(17, _der(0x30, _der(0x82, HOST.encode()))),
                _extension(14, _der(0x04, subject_identifier)),
                _extension(35, _der(0x30, _der(0x80, authority_identifier))),
            ),
        ),
    )
    digest = _der(
        0x30,
        _der(0x30, bytes.fromhex("0609608648016503040201"), b"\x05\x00"),
        _der(0x04, sha256(to_sign).digest()),
    )
    padded = b"\x00\x01" + b"\xff" * (512 - 3 - len(digest)) + b"\x00" + digest
    numbers = authority_key.private_numbers()
    signature = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(512)
    by_hand = _der(0x30, to_sign, sha256_with_rsa, _der(0x03, b"\x00", signature))

    certificate = issued(generation=7, not_after=not_after, issuer="custom")
    assert der(certificate) == by_hand


# --- who accepts it, and until when -------------------------------------------------------------------


def verify_with_cryptography(certificate: x509.Certificate, name: x509.GeneralName, at: datetime) -> None:
    """As a TLS client does, but for CA true and certificate signing, which Kaspersky asks for."""
    policy = (
        ExtensionPolicy.webpki_defaults_ee()
        .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
        .require_present(x509.KeyUsage, Criticality.CRITICAL, None)
        .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
    )
    assert isinstance(name, x509.DNSName | x509.IPAddress)
    (
        PolicyBuilder()
        .store(Store([authority()]))
        .time(at)
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=policy)
        .build_server_verifier(name)
        .verify(certificate, [])
    )


@pytest.mark.parametrize("host", [HOST, "xn--mnchen-3ya.example", "192.0.2.7", "2001:db8::7"])
def test_a_verifier_accepts_the_chain_for_its_host_and_no_other(host: str) -> None:
    certificate = issued(host=host)
    (name,) = extension(certificate, x509.SubjectAlternativeName).value
    verify_with_cryptography(certificate, name, BEGIN)
    with pytest.raises(VerificationError):
        verify_with_cryptography(certificate, x509.DNSName("other.example.com"), BEGIN)
    with pytest.raises(VerificationError):
        verify_with_cryptography(certificate, x509.IPAddress(ip_address("192.0.2.8")), BEGIN)


def test_rfc_5280_still_counts_the_second_of_not_after_in() -> None:
    name = x509.DNSName(HOST)
    for valid in (BEGIN, END - SECOND, END):
        verify_with_cryptography(issued(), name, valid)
    for invalid in (BEGIN - SECOND, END + SECOND):
        with pytest.raises(VerificationError):
            verify_with_cryptography(issued(), name, invalid)


def openssl(*arguments: str | Path) -> str:
    assert OPENSSL is not None, "these tests need the openssl command"
    command = [OPENSSL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


@pytest.fixture
def chain(tmp_path: Path) -> tuple[Path, Path]:
    root, leaf = tmp_path / "authority.pem", tmp_path / "server.pem"
    root.write_bytes(authority().public_bytes(Encoding.PEM))
    leaf.write_text(pem(issued()), encoding="ascii")
    return root, leaf


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (BEGIN - SECOND, "certificate is not yet valid"),
        (BEGIN, ": OK"),
        (END - SECOND, ": OK"),
        (END, "certificate has expired"),
        (END + SECOND, "certificate has expired"),
    ],
)
def test_openssl_refuses_at_not_after_itself_as_the_model_does(
    chain: tuple[Path, Path], at: datetime, verdict: str
) -> None:
    root, leaf = chain
    checks = ("-x509_strict", "-purpose", "sslserver", "-verify_hostname", HOST)
    said = openssl("verify", *checks, "-attime", str(int(at.timestamp())), "-CAfile", root, leaf)
    assert verdict in said


def test_openssl_reads_the_requirements_and_the_host(chain: tuple[Path, Path]) -> None:
    _, leaf = chain
    text = openssl("x509", "-in", leaf, "-noout", "-text")
    for line in (
        "Signature Algorithm: sha256WithRSAEncryption",
        "Public-Key: (2048 bit)",
        "CA:TRUE\n",
        "Digital Signature, Key Encipherment, Certificate Sign, CRL Sign",
        "TLS Web Server Authentication",
        f"DNS:{HOST}",
    ):
        assert line in text
    assert "pathlen" not in text
    assert "does match" in openssl("x509", "-in", leaf, "-noout", "-checkhost", HOST)
    assert "does NOT match" in openssl("x509", "-in", leaf, "-noout", "-checkhost", "other.example.com")


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_openssl_matches_an_address_as_an_address(host: str, tmp_path: Path) -> None:
    leaf = tmp_path / "server.pem"
    leaf.write_text(pem(issued(host=host)), encoding="ascii")
    assert "does match" in openssl("x509", "-in", leaf, "-noout", "-checkip", host)
    assert "does NOT match" in openssl("x509", "-in", leaf, "-noout", "-checkip", "192.0.2.8")


def test_openssl_finds_the_published_keys_consistent() -> None:
    for file_name in KEY_FILES:
        path = Path(sim.pki.issue.__file__).with_name(file_name)
        assert "RSA key ok" in openssl("rsa", "-check", "-noout", "-in", path)


# --- cost --------------------------------------------------------------------------------------------


def test_the_package_alone_does_not_load_cryptography() -> None:
    script = "import sys, sim.pki; sys.exit(any(name.startswith('cryptography') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_a_certificate_asked_for_again_costs_no_second_signature() -> None:
    assert issued() is issued()
