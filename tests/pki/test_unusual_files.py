"""Certificate files that are unusual or wrong: what is read of them, and which cause is named.

The files in `reported/` are own ones, made after some that were reported to other projects: PSS without
parameters outside (a vector of pyca/cryptography), ECDSA with parameters (pyca/cryptography#8996, Java 11), a
boolean that is not DER, a path length without CA.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from anew import write_anew
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openssl_command import Openssl

from sim import cli
from sim.cli.cert import content_document, content_summary, verdict_document, verdict_summary
from sim.pki.encoding import SEQUENCE, element_at
from sim.pki.issue import authority, issue, server_key
from sim.pki.reading import CertificateError, read
from sim.pki.requirements import judge
from sim.summary.terminal import to_text

ROOT = Path(__file__).parents[2]
REPORTED = Path(__file__).parent / "reported"
MOBILE = ROOT / "scenarios" / "certs" / "mobile.pem"
BEGIN, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)


def elements(content: bytes) -> list[bytes]:
    """The elements that stand one behind the other, whole with their headers, as far as they can be read."""
    found: list[bytes] = []
    at = 0
    while (each := element_at(content, at)) is not None and each.end <= len(content):
        found.append(content[at : each.end])
        at = each.end
    return found


def value_of(element: bytes) -> bytes:
    """The value of an element; empty where it cannot be read."""
    header = element_at(element)
    return b"" if header is None else element[header.begin : header.end]


def encoded(tag: int, *values: bytes) -> bytes:
    """An element with a value of several parts."""
    value = b"".join(values)
    length = len(value).to_bytes(4, "big").lstrip(b"\0") or b"\0"
    header = length if len(value) < 0x80 else bytes([0x80 + len(length)]) + length
    return bytes([tag]) + header + value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "certificate"


def reason(path: Path, **given: object) -> str:
    """Why a file cannot be read; nothing of the library hangs on it."""
    with pytest.raises(CertificateError) as caught:
        read(path, **given)  # type: ignore[arg-type]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.message


# --- what is wrong with a certificate ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part", "what"),
    [
        ("pss_noparams.der", "signature algorithm inside", "is not the one outside"),
        ("ec_null.der", "signature algorithm", "breaks the rules"),
        ("bool01.der", "extensions", "break the rules"),
        ("pathlen.pem", "extensions", "break the rules"),
    ],
)
def test_the_part_that_is_wrong_is_named(name: str, part: str, what: str) -> None:
    assert f"whose {part} {what}" in reason(REPORTED / name)


def test_of_a_chain_the_certificate_is_named_that_is_wrong(path: Path) -> None:
    path.write_bytes(MOBILE.read_bytes() + (REPORTED / "pathlen.pem").read_bytes())
    assert "a certificate (2 of 2 in the file) whose extensions" in reason(path)


def exchanged(der: bytes, part: int, value: bytes) -> bytes:
    """A certificate with another element in what is signed."""
    signed, algorithm, signature = elements(value_of(der))
    parts = elements(value_of(signed))
    parts[part] = value
    return encoded(SEQUENCE, encoded(SEQUENCE, *parts), algorithm, signature)


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def object_identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER in DER, as the library writes it within a name."""
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(dotted), "x")])
    attribute = value_of(value_of(name.public_bytes()))
    return elements(value_of(attribute))[0]


def test_a_key_of_an_unknown_kind_is_told(path: Path) -> None:
    algorithm = encoded(SEQUENCE, object_identifier("1.2.643.7.1.1.1.1"))  # GOST R 34.10-2012
    path.write_bytes(exchanged(der_of(authority()), 6, encoded(SEQUENCE, algorithm, encoded(3, b"\0\1\2"))))
    assert "public key is of a kind that is not read here" in reason(path)


@pytest.mark.parametrize(
    ("part", "name"),
    [(2, "signature algorithm"), (3, "issuer"), (4, "dates"), (5, "subject"), (7, "extensions")],
)
def test_each_part_is_found(path: Path, part: int, name: str) -> None:
    wrong = encoded(0xA3 if name == "extensions" else SEQUENCE, b"\x02\x01\x05")
    path.write_bytes(exchanged(der_of(authority()), part, wrong))
    assert f"whose {name} " in reason(path)


def test_a_serial_number_that_is_not_positive_is_read_without_a_warning(path: Path) -> None:
    path.write_bytes(exchanged(der_of(authority()), 1, b"\x02\x01\xff"))
    assert content_document(read(path))["serial_number"] == "-1"


def test_an_extension_that_is_there_twice_is_told(path: Path) -> None:
    der = der_of(authority())
    extensions = elements(value_of(elements(value_of(elements(value_of(der))[0]))[7]))[0]
    twice = encoded(SEQUENCE, *elements(value_of(extensions)), elements(value_of(extensions))[0])
    path.write_bytes(exchanged(der, 7, encoded(0xA3, twice)))
    assert "whose extensions break the rules" in reason(path)


def test_pss_without_parameters_breaks_a_rule_and_other_files_are_judged(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inside and outside the same: it is a certificate, whose hash nobody can tell."""
    der = (REPORTED / "pss_noparams.der").read_bytes()
    path.write_bytes(exchanged(der, 2, elements(value_of(der))[1]))
    verdict = judge(read(path), address="mdm.example.com")
    assert "apple-signature-hash" in {each.rule.name for each in verdict.broken("ios")}
    wrong = REPORTED / "ec_null.der"
    words = ["reissue", "cert", "check", str(wrong), str(path), str(MOBILE), "--at", "2026-03-01"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert "signed with no hash of its own" in out
    assert out.count("Administration Server: ") == 2
    assert err.count("\n") == 1


# --- how a file is laid out ----------------------------------------------------------------------------


@pytest.mark.parametrize("behind", [b"\0" * 8, b"\r\n", b"anything"])
def test_bytes_behind_the_end_are_no_part_of_it(path: Path, openssl: Openssl, behind: bytes) -> None:
    certificate = openssl.certificate()
    whole = read(certificate)
    path.write_bytes(der_of(whole.certificate) + behind)
    assert read(path).fingerprint == whole.fingerprint
    path.write_bytes(openssl.pkcs12(certificate, password="abc").read_bytes() + behind)
    assert read(path, password=b"abc").fingerprint == whole.fingerprint
    key = path.with_suffix(".key")
    openssl.run("pkey", "-in", openssl.key(), "-outform", "DER", "-out", key)
    key.write_bytes(key.read_bytes() + behind)
    assert read(certificate, key_path=key).key is not None


def laid_out() -> Iterator[tuple[str, bytes]]:
    text = MOBILE.read_bytes()
    lines = text.splitlines()
    yield "line breaks written out", b"\\n".join(lines) + b"\\n"
    yield "carriage returns written out", b"\\r\\n".join(lines)
    yield "blanks for line breaks", b" ".join(lines) + b" "
    yield "one line", b"".join(lines)
    yield (
        "blanks within lines",
        b"\n".join([lines[0], *(x[:30] + b" " + x[30:] for x in lines[1:-1]), lines[-1]]),
    )
    yield "blanks that do not break", text.replace(b"\n", b"\xc2\xa0\n")
    yield "the same in Latin-1", text.replace(b"\n", b"\xa0\n")
    yield "no first and last line", b"\n".join(lines[1:-1])
    yield "END and BEGIN on one line", text.rstrip() + der_pem(authority())
    yield "text before BEGIN", b"certificate: " + text


def der_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


@pytest.mark.parametrize(("name", "content"), list(laid_out()))
def test_pem_that_is_laid_out_otherwise_is_read(path: Path, name: str, content: bytes) -> None:
    path.write_bytes(content)
    if name.startswith("END"):
        assert "2 certificates that could be the server's" in reason(path)
    else:
        assert read(path).fingerprint == read(MOBILE).fingerprint


def test_a_part_without_its_end_is_told(path: Path) -> None:
    lines = MOBILE.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + MOBILE.read_bytes())
    assert "ends within a part (certificate)" in reason(path)


def test_an_encrypted_key_whose_line_breaks_are_lost_is_told(path: Path, openssl: Openssl) -> None:
    key = openssl.encrypted_key("traditional", password="abc")
    path.write_bytes(b" ".join(key.read_bytes().splitlines()))
    assert "or has lost its line breaks" in reason(openssl.certificate(), key_path=path, password=b"abc")


# --- keys ----------------------------------------------------------------------------------------------


def test_a_cipher_that_is_not_read_is_no_wrong_password(path: Path, openssl: Openssl) -> None:
    """Triple DES with two keys: openssl opens it with this password."""
    openssl.run(
        "pkcs8", "-topk8", "-in", openssl.key(), "-out", path, "-v1", "PBE-SHA1-2DES", "-passout", "env:P",
        "-provider", "legacy", "-provider", "default", password="abc",
    )  # fmt: skip
    said = reason(openssl.certificate(), key_path=path, password=b"abc")
    assert "encrypted in a way that is not read here, whatever the password" in said


def test_two_key_pairs_in_one_pkcs12_are_told(path: Path, openssl: Openssl) -> None:
    """Two files joined: their safes, one behind the other, in one; openssl finds both keys in it."""
    bags: list[bytes] = []
    for certificate, key in ((openssl.certificate(), "rsa2048"), (openssl.certificate(key="ec"), "ec")):
        one = path.with_name(f"{key}.p12")
        openssl.run(
            "pkcs12", "-export", "-in", certificate, "-inkey", openssl.key(key), "-out", one,
            "-passout", "env:P", "-nomac", password="abc",
        )  # fmt: skip
        _, safe = elements(value_of(one.read_bytes()))
        bags += elements(value_of(value_of(value_of(elements(value_of(safe))[1]))))
    safe = encoded(
        SEQUENCE,
        object_identifier("1.2.840.113549.1.7.1"),
        encoded(0xA0, encoded(4, encoded(SEQUENCE, *bags))),
    )
    path.write_bytes(encoded(SEQUENCE, b"\x02\x01\x03", safe))
    printed = openssl.run("pkcs12", "-in", path, "-passin", "env:P", "-nodes", "-nomacver", password="abc")
    assert printed.count("BEGIN PRIVATE KEY") == 2
    assert "holds 2 private keys" in reason(path, password=b"abc")


# --- generated variety ---------------------------------------------------------------------------------


def signed(key: object, *, pss: bool = False) -> x509.Certificate:
    """A certificate of a key, signed by that key or by the server's."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "generated")])
    builder = (
        x509.CertificateBuilder(name, name, serial_number=7, not_valid_before=BEGIN, not_valid_after=END)
        .public_key(key.public_key())  # type: ignore[attr-defined]
        .add_extension(x509.BasicConstraints(ca=True, path_length=3), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.RFC822Name("b@c")]), False
        )
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False)
    )
    if pss:
        scheme = padding.PSS(padding.MGF1(SHA256()), 32)
        return builder.sign(server_key(), SHA256(), rsa_padding=scheme)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, digest)  # type: ignore[arg-type]


@cache
def contents() -> tuple[bytes, ...]:
    """Files of every form, all of which can be read; the password is `abc`."""
    keys = (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate())
    certificates = [
        authority(),
        issue(generation=1, host="mdm.example.com", not_before=BEGIN, not_after=END, issuer="ksc"),
        signed(server_key(), pss=True),
        signed(dsa.generate_private_key(2048)),
        *map(signed, keys),
    ]
    encryption = BestAvailableEncryption(b"abc")
    pairs = [(server_key(), certificates[1]), *zip(keys, certificates[-2:], strict=True)]
    return (
        *map(der_of, certificates),
        *map(der_pem, certificates),
        b"".join(map(der_pem, certificates[:2])),
        *(pkcs12.serialize_key_and_certificates(b"x", key, own, None, encryption) for key, own in pairs),
        pkcs12.serialize_key_and_certificates(b"x", server_key(), certificates[1], None, NoEncryption()),
        *(
            key.private_bytes(encoding, PrivateFormat.PKCS8, encryption) + der_pem(own)
            for key, own in pairs
            for encoding in (Encoding.PEM, Encoding.DER)
        ),
    )


def flipped(draw: st.DrawFn, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        changed[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def cut(draw: st.DrawFn, content: bytes) -> bytes:
    begin, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    return draw(st.sampled_from([content[:begin], content[:begin] + content[end:], content[begin:]]))


def restructured(draw: st.DrawFn, content: bytes, depth: int = 0) -> bytes:
    """One element taken out, doubled, or given another tag or another content, with lengths that fit."""
    inner = elements(content)
    if b"".join(inner) != content or not inner:
        return draw(st.binary(max_size=6)) if depth else flipped(draw, content)
    place = draw(st.integers(0, len(inner) - 1))
    header = element_at(inner[place], 0)
    assert header is not None
    change = draw(
        st.sampled_from(["deeper"] * (4 if header.tag & 0x20 else 1) + ["out", "twice", "tag", "value"])
    )
    value = value_of(inner[place])
    if change == "deeper":
        inner[place] = encoded(header.tag, restructured(draw, value, depth + 1))
    elif change == "tag":
        inner[place] = encoded(draw(st.integers(0, 255)), value)
    elif change == "value":
        inner[place] = encoded(header.tag, draw(st.binary(max_size=20)))
    else:
        inner[place] *= 2 if change == "twice" else 0
    return b"".join(inner)


CHANGES: tuple[Callable[[st.DrawFn, bytes], bytes], ...] = (flipped, cut, restructured, restructured)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(contents()))
    for _ in range(draw(st.integers(1, 3))):
        if content:
            content = draw(st.sampled_from(CHANGES))(draw, content)
    return content


def assert_calm(content: bytes, folder: Path) -> None:
    """Whatever a file holds, it is read and told, or refused in one line of our own."""
    path = folder / "file"
    write_anew(path, content)
    own = {"password": b"abc"}
    for file, options in ((path, {}), (path, own), (MOBILE, {**own, "key_path": path})):
        try:
            material = read(file, **options)  # type: ignore[arg-type]
        except CertificateError as refusal:
            assert str(refusal).isprintable()  # noqa: PT017
            continue
        verdict = judge(material, address="mdm.example.com", at=BEGIN)
        for summary in (verdict_summary(material, verdict), content_summary(material)):
            assert all(line.isprintable() for line in to_text(summary).splitlines())
        assert verdict_document(material, verdict)["file"] == content_document(material)["file"]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(files())
def test_no_exception_of_a_library_passes_through(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    assert_calm(content, tmp_path_factory.getbasetemp())


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(files())
def test_no_exception_passes_through_in_thousands_of_files(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    assert_calm(content, tmp_path_factory.getbasetemp())


def test_the_generated_files_begin_with_some_that_can_be_read(path: Path) -> None:
    for content in contents():
        path.write_bytes(content)
        if b"BEGIN" in content or content[:1] == b"\x30":
            read(path, password=b"abc")
