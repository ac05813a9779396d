"""Certificate files of every form, whole and broken; all made by the `openssl` command."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from openssl_command import BEGIN, END, HOST, Openssl

from sim.errors import InputError
from sim.pki import encoding
from sim.pki.reading import (
    LIMIT_BYTES,
    CertificateError,
    Material,
    PasswordNeededError,
    attempt,
    needs_password,
    read,
)

PASSWORD = "correct horse"
UTF8 = "pässwörd€"
LEGACY = ("-legacy",)


def der_of(openssl: Openssl, path: Path) -> Path:
    out = path.with_suffix(".der")
    openssl.run("x509", "-in", path, "-outform", "DER", "-out", out)
    return out


def fingerprint(openssl: Openssl, path: Path) -> str:
    printed = openssl.run("x509", "-in", path, "-noout", "-fingerprint", "-sha256")
    return "sha256:" + printed.strip().rpartition("=")[2].replace(":", "").lower()


# --- whole files ---------------------------------------------------------------------------------------


def test_the_fingerprint_is_the_one_that_openssl_prints(openssl: Openssl) -> None:
    path = openssl.certificate()
    material = read(path)
    assert material.fingerprint == fingerprint(openssl, path)
    assert material.fingerprint == "sha256:" + sha256(der_of(openssl, path).read_bytes()).hexdigest()


@pytest.mark.parametrize("options", [(), LEGACY, ("-certpbe", "PBE-SHA1-RC2-40", *LEGACY)], ids=str)
@pytest.mark.parametrize("password", [PASSWORD, UTF8, ""])
def test_pkcs12_old_and_new_gives_the_certificate_and_its_key(
    openssl: Openssl, options: tuple[str, ...], password: str
) -> None:
    certificate = openssl.certificate()
    path = openssl.pkcs12(certificate, password=password, options=options)
    material = read(path, password=password.encode() or None)
    assert material.fingerprint == read(certificate).fingerprint
    assert material.key is not None
    assert material.is_pkcs12
    assert needs_password(path) == bool(password)


@pytest.mark.parametrize("form", ["pkcs8", "pkcs8-der", "pkcs8-legacy", "traditional"])
@pytest.mark.parametrize("password", [PASSWORD, UTF8])
def test_an_encrypted_key_opens_with_its_password_only(openssl: Openssl, form: str, password: str) -> None:
    certificate = openssl.certificate()
    key = openssl.encrypted_key(form, password=password)
    assert read(certificate, key_path=key, password=password.encode()).key is not None
    assert needs_password(certificate, key_path=key)
    with pytest.raises(PasswordNeededError, match="protected by a password"):
        read(certificate, key_path=key)
    with pytest.raises(CertificateError, match="not opened by the password"):
        read(certificate, key_path=key, password=b"wrong")


@pytest.mark.parametrize("kind", ["rsa2048", "rsa1024", "ec", "ed25519"])
def test_a_plain_key_of_any_kind_opens_as_pem_and_der_with_or_without_a_needless_password(
    openssl: Openssl, tmp_path: Path, kind: str
) -> None:
    certificate = openssl.certificate(key=kind)
    as_der = tmp_path / "key.der"
    openssl.run("pkey", "-in", openssl.key(kind), "-outform", "DER", "-out", as_der)
    for key in (openssl.key(kind), as_der):
        for password in (None, b"needless"):
            assert read(certificate, key_path=key, password=password).key is not None


def test_certificate_and_key_may_share_a_pem_file_in_either_order_with_text_around(
    openssl: Openssl, tmp_path: Path
) -> None:
    certificate, key = openssl.certificate().read_bytes(), openssl.key().read_bytes()
    path = tmp_path / "both.pem"
    for content in (certificate + key, key + b"\nBag Attributes\n  friendlyName: x\n" + certificate,
                    b"\xef\xbb\xbf" + certificate.replace(b"\n", b"\r\n") + key):  # fmt: skip
        path.write_bytes(content)
        assert read(path).key is not None


def test_der_and_pem_are_the_same_certificate(openssl: Openssl) -> None:
    path = openssl.certificate()
    assert read(der_of(openssl, path)).fingerprint == read(path).fingerprint


@pytest.fixture
def chain(openssl: Openssl) -> tuple[Path, Path, Path]:
    """Leaf, intermediate, root."""
    root = openssl.certificate(key="other2048", subject="/CN=root")
    middle = openssl.certificate(key="ec", subject="/CN=middle", issuer=(root, "other2048"), serial=2)
    leaf = openssl.certificate(issuer=(middle, "ec"), serial=3)
    return leaf, middle, root


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 0, 2, 1, 0)], ids=str)
def test_the_chain_goes_from_the_leaf_upwards_whatever_the_order_in_the_file(
    openssl: Openssl, chain: tuple[Path, Path, Path], tmp_path: Path, order: tuple[int, ...]
) -> None:
    leaf, middle, root = chain
    path = tmp_path / "chain.pem"
    path.write_bytes(b"".join(chain[number].read_bytes() for number in order))
    for key in (None, openssl.key()):
        material = read(path, key_path=key)
        assert material.certificate == read(leaf).certificate
        assert material.chain == (read(middle).certificate, read(root).certificate)
        assert material.unrelated == ()
    trusted = tmp_path / "root.pem"
    trusted.write_bytes(root.read_bytes())
    said = openssl.run("verify", "-attime", 1780000000, "-CAfile", trusted, "-untrusted", middle, leaf)
    assert said.endswith(": OK\n")


def test_pkcs12_brings_its_chain(openssl: Openssl, chain: tuple[Path, Path, Path], tmp_path: Path) -> None:
    leaf, middle, root = chain
    others = tmp_path / "others.pem"
    others.write_bytes(root.read_bytes() + middle.read_bytes())
    path = openssl.pkcs12(leaf, password=PASSWORD, options=("-certfile", str(others)))
    material = read(path, password=PASSWORD.encode())
    assert [material.certificate, *material.chain] == [read(each).certificate for each in chain]


def test_of_several_certificates_the_keys_own_is_the_leaf(openssl: Openssl, tmp_path: Path) -> None:
    path = tmp_path / "several.pem"
    mine, other = openssl.certificate(), openssl.certificate(key="other2048", subject="/CN=other")
    path.write_bytes(other.read_bytes() + mine.read_bytes())
    material = read(path, key_path=openssl.key())
    assert material.certificate == read(mine).certificate
    assert material.unrelated == (read(other).certificate,)
    with pytest.raises(CertificateError, match="2 certificates that could be the server's"):
        read(path)
    path.write_bytes(mine.read_bytes() + openssl.certificate(serial=7).read_bytes())
    with pytest.raises(CertificateError, match="2 certificates for the same private key"):
        read(path, key_path=openssl.key())


# --- broken files --------------------------------------------------------------------------------------


def clear(error: CertificateError, path: Path) -> None:
    """One line with the file and what would be right, and nothing behind it."""
    text = str(error)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert isinstance(error, InputError)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_key_of_another_certificate_is_refused(openssl: Openssl, tmp_path: Path) -> None:
    path = openssl.certificate()
    with pytest.raises(CertificateError, match="does not belong to the certificate") as caught:
        read(path, key_path=openssl.key("other2048"))
    clear(caught.value, path)
    both = tmp_path / "both.pem"
    both.write_bytes(path.read_bytes() + openssl.key().read_bytes() + openssl.key("ec").read_bytes())
    with pytest.raises(CertificateError, match="holds 2 private keys"):
        read(both)


def test_a_wrong_password_is_told_as_such(openssl: Openssl) -> None:
    for options in ((), LEGACY):
        path = openssl.pkcs12(openssl.certificate(), password=PASSWORD, options=options)
        for password, kind in ((b"wrong", CertificateError), (None, PasswordNeededError)):
            with pytest.raises(kind, match="password") as caught:
                read(path, password=password)
            clear(caught.value, path)


def test_a_key_beside_pkcs12_is_one_too_many(openssl: Openssl) -> None:
    path = openssl.pkcs12(openssl.certificate())
    with pytest.raises(CertificateError, match="leave the key out"):
        read(path, key_path=openssl.key())
    with pytest.raises(CertificateError, match="is PKCS #12"):
        read(openssl.certificate(), key_path=path)


def sources(openssl: Openssl) -> Iterator[tuple[str, Callable[[Path], Material], bytes]]:
    certificate = openssl.certificate()
    password = PASSWORD.encode()
    for path in (certificate, der_of(openssl, certificate)):
        yield path.suffix, read, path.read_bytes()
    for options in ((), LEGACY):
        content = openssl.pkcs12(certificate, password=PASSWORD, options=options).read_bytes()
        yield f"p12 {options}", lambda path: read(path, password=password), content
    for form in ("pkcs8", "pkcs8-der", "traditional"):
        content = openssl.encrypted_key(form, password=PASSWORD).read_bytes()
        yield form, lambda path: read(certificate, key_path=path, password=password), content


def test_a_file_cut_anywhere_is_refused(openssl: Openssl, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    for name, reading, content in sources(openssl):
        whole = len(content.rstrip())  # a line end at the end is no part of it
        for length in sorted({0, 1, 2, 3, 4, 10, whole // 3, whole // 2, whole - 30, whole - 2, whole - 1}):
            path.write_bytes(content[:length])
            with pytest.raises(CertificateError) as caught:
                reading(path)
            clear(caught.value, path)
            assert caught.value.message, (name, length)


def test_a_file_with_any_byte_changed_is_read_or_refused_but_no_defect(
    openssl: Openssl, tmp_path: Path
) -> None:
    path = tmp_path / "changed"
    chance = random.Random(20260301)
    for _, reading, content in sources(openssl):
        for _ in range(25):
            changed = bytearray(content)
            changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            with suppress(CertificateError):
                reading(path)


def test_random_bytes_are_no_certificate(tmp_path: Path) -> None:
    path = tmp_path / "random"
    chance = random.Random(5)
    for begin in (b"", b"0", b"0\x82\x01\x00\x02\x01\x03", b"0\x80", b"-----BEGIN CERTIFICATE-----\n"):
        for length in (1, 7, 300, 5000):
            path.write_bytes(begin + chance.randbytes(length))
            with pytest.raises(CertificateError) as caught:
                read(path)
            clear(caught.value, path)


NOT_CERTIFICATES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "text": (b"hello\n", "neither PKCS #12 nor X.509"),
    "utf-16": ("-----BEGIN CERTIFICATE-----".encode("utf-16"), "is UTF-16"),
    "not base64": (b"-----BEGIN CERTIFICATE-----\n\xff\xfe*\n-----END CERTIFICATE-----\n", "not base64"),
    "not der": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "neither PKCS #12"),
    "no end": (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "ends within"),
    "pkcs7": (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "holds pkcs7 and no certificate"),
    "request": (
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "holds certificate request and no certificate",
    ),
    "many": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 51, "more than 50"),
}


@pytest.mark.parametrize("case", NOT_CERTIFICATES)
def test_what_is_no_certificate_is_told_what_it_is(tmp_path: Path, case: str) -> None:
    content, expected = NOT_CERTIFICATES[case]
    path = tmp_path / "file.pem"
    path.write_bytes(content)
    with pytest.raises(CertificateError, match=expected) as caught:
        read(path)
    clear(caught.value, path)


def test_pkcs12_in_ber_is_refused_with_what_would_help(openssl: Openssl, tmp_path: Path) -> None:
    content = openssl.pkcs12(openssl.certificate()).read_bytes()
    assert content[:2] == b"\x30\x82"  # a length of two octets follows
    path = tmp_path / "ber.p12"
    end = 11 + int.from_bytes(content[9:11], "big")  # of the element after the version
    inner = content[4:7] + b"\x30\x80" + content[11:end] + b"\x00\x00" + content[end:]
    length = len(inner).to_bytes(2, "big")
    for outer in (b"\x30\x80" + content[4:] + b"\x00\x00", b"\x30\x82" + length + inner):
        path.write_bytes(outer)
        with pytest.raises(CertificateError, match="convert it with openssl pkcs12"):
            read(path)


def test_a_key_alone_and_a_certificate_as_key_are_told(openssl: Openssl) -> None:
    with pytest.raises(CertificateError, match="a private key and no certificate"):
        read(openssl.key())
    with pytest.raises(CertificateError, match="holds no private key"):
        read(openssl.certificate(), key_path=openssl.certificate(serial=5))
    with pytest.raises(CertificateError, match="no private key that can be read"):
        read(openssl.certificate(), key_path=der_of(openssl, openssl.certificate()))


def test_only_a_regular_file_of_bounded_size_is_read(openssl: Openssl, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    large = tmp_path / "large.pem"
    large.write_bytes(b"x" * 10_000_000)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, expected in {
        tmp_path / "gone.pem": "does not exist",
        tmp_path: "is a folder",
        pipe: "is not a regular file",
        Path("/dev/zero"): "is not a regular file",
        large: "is larger than 1,048,576 bytes",
        loop: "cannot be read",
        tmp_path / ("x" * 5000): "cannot be read",
    }.items():
        with pytest.raises(CertificateError, match=expected):
            read(path)
        with pytest.raises(CertificateError, match=expected):
            read(openssl.certificate(), key_path=path)
    bound = tmp_path / "bound.pem"
    content = openssl.certificate().read_bytes()
    bound.write_bytes(content + b"\n" * (LIMIT_BYTES - len(content)))
    assert read(bound).key is None
    bound.write_bytes(bound.read_bytes() + b"\n")
    with pytest.raises(CertificateError, match="is larger"):
        read(bound)


def test_a_megabyte_of_begin_lines_is_refused_without_delay(tmp_path: Path) -> None:
    path = tmp_path / "begins.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" * 37_000)
    with pytest.raises(CertificateError, match="ends within"):
        read(path)


@pytest.mark.parametrize("iterations", [2, 2048, 5000])
def test_the_work_to_open_a_file_is_known_before_it_is_done(
    openssl: Openssl, monkeypatch: pytest.MonkeyPatch, iterations: int
) -> None:
    for options in (("-iter", str(iterations)), ("-iter", str(iterations), *LEGACY)):
        path = openssl.pkcs12(openssl.certificate(), password=PASSWORD, options=options)
        assert encoding.iterations_of(path.read_bytes()) == 3 * iterations  # certificates, key and MAC
    iterations *= 3
    monkeypatch.setattr("sim.pki.reading.MOST_ITERATIONS", iterations)
    assert read(path, password=PASSWORD.encode()).key is not None
    monkeypatch.setattr("sim.pki.reading.MOST_ITERATIONS", iterations - 1)
    with pytest.raises(CertificateError, match=f"asks for {iterations:,} rounds"):
        read(path, password=PASSWORD.encode())


def test_the_work_to_open_a_pem_key_is_bounded_too(openssl: Openssl, monkeypatch: pytest.MonkeyPatch) -> None:
    key = openssl.encrypted_key("pkcs8", password=PASSWORD)  # openssl's default: 2048 rounds
    monkeypatch.setattr("sim.pki.reading.MOST_ITERATIONS", 2047)
    with pytest.raises(CertificateError, match="asks for 2,048 rounds"):
        read(openssl.certificate(), key_path=key, password=PASSWORD.encode())


def test_the_work_of_scrypt_is_bounded(openssl: Openssl, tmp_path: Path) -> None:
    key = tmp_path / "scrypt.der"
    openssl.run(
        "pkcs8", "-topk8", "-scrypt", "-outform", "DER", "-in", openssl.key(), "-out", key,
        "-passout", "env:P", password=PASSWORD,
    )  # fmt: skip
    content = key.read_bytes()
    assert encoding.iterations_of(content) == 4 * 16_384 * 8 * 1  # openssl's N, r and p
    assert read(openssl.certificate(), key_path=key, password=PASSWORD.encode()).key is not None
    parameters = bytes.fromhex("02024000020108020101")
    assert parameters in content
    key.write_bytes(
        content.replace(parameters, bytes.fromhex("0202400002017f02017f"))
    )  # r = p = 127: minutes
    with pytest.raises(CertificateError, match="asks for 1,057,030,144 rounds"):
        read(openssl.certificate(), key_path=key, password=PASSWORD.encode())


def test_a_certificate_with_a_gigantic_key_is_refused(openssl: Openssl, tmp_path: Path) -> None:
    # Nobody could make such a key in a test, but a certificate needs the public numbers only.
    signer = load_pem_private_key(openssl.key().read_bytes(), None)
    assert isinstance(signer, RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "large")])
    path = tmp_path / "large.pem"
    for bits, refused in ((16_384, False), (16_392, True)):
        public_key = RSAPublicNumbers(65_537, 2 ** (bits - 1) + 1).public_key()
        builder = x509.CertificateBuilder(name, name, public_key, 1, BEGIN, END)
        path.write_bytes(builder.sign(signer, SHA256()).public_bytes(Encoding.PEM))
        if refused:
            with pytest.raises(CertificateError, match="more than 16,384 bits"):
                read(path)
        else:
            read(path)


def test_a_panic_of_the_library_is_a_refusal_and_an_interrupt_is_not() -> None:
    class PanicException(BaseException):  # as the library's compiled part raises it
        pass

    def fail(error: BaseException) -> Callable[[], None]:
        def load() -> None:
            raise error

        return load

    for error in (PanicException(), ValueError(), MemoryError()):
        assert attempt(fail(error)) is None
    with pytest.raises(KeyboardInterrupt):
        attempt(fail(KeyboardInterrupt()))


def test_material_does_not_show_its_key(openssl: Openssl) -> None:
    material = read(openssl.certificate(), key_path=openssl.key())
    assert material.key is not None
    assert "PrivateKey" not in repr(material)
    assert HOST in repr(material)
    assert material.certificate.public_bytes(Encoding.PEM) == openssl.certificate().read_bytes()
