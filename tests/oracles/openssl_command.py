"""Certificates made by the `openssl` command, for the tests of everything that reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=397)
HOST = "mdm.example.com"
ALL_USAGES = "digitalSignature,keyCertSign,keyEncipherment,cRLSign"
GOOD = {
    "basicConstraints": "critical,CA:true",
    "keyUsage": f"critical,{ALL_USAGES}",
    "extendedKeyUsage": "serverAuth",
    "subjectAltName": f"DNS:{HOST}",
}
"""The extensions that meet every requirement."""

_KEYS = {
    "rsa2048": ["genrsa", "2048"],
    "other2048": ["genrsa", "2048"],
    "rsa2047": ["genrsa", "2047"],
    "rsa1024": ["genrsa", "1024"],
    "ec": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["genpkey", "-algorithm", "ED25519"],
}


class Openssl:
    """Makes keys and certificates; what was made once is made once a session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Path] = {}

    def run(self, *arguments: object, password: str | None = None, check: bool = True) -> str:
        """What `openssl` prints, both streams; a password is passed as the environment variable P."""
        if shutil.which("openssl") is None:
            pytest.fail("these tests make their certificates with the openssl command: install openssl")
        environment = os.environ if password is None else {**os.environ, "P": password}
        command = ["openssl", *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, env=environment, check=False)
        printed = (ran.stdout + ran.stderr).decode(errors="replace")
        assert not check or ran.returncode == 0, f"{command}: {printed}"
        return printed

    def key(self, kind: str = "rsa2048") -> Path:
        """A private key as PEM, not encrypted."""
        if kind not in self._made:
            self._made[kind] = self.folder / f"{kind}.key"
            self.run(*_KEYS[kind][:1], "-out", self._made[kind], *_KEYS[kind][1:])
        return self._made[kind]

    def certificate(
        self,
        *,
        begin: datetime = BEGIN,
        end: datetime = END,
        key: str = "rsa2048",
        issuer: tuple[Path, str] | None = None,
        digest: str = "sha256",
        subject: str = f"/CN={HOST}",
        serial: int = 1,
        **changes: str | None,
    ) -> Path:
        """A certificate as PEM: `GOOD` with other extensions, None taking one away; self-signed or issued."""
        extensions = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
        name = sha256(
            repr((begin, end, key, issuer, digest, subject, serial, extensions)).encode()
        ).hexdigest()[:20]
        if name in self._made:
            return self._made[name]
        work = self.folder / name
        work.mkdir()
        (work / "index").touch()
        (work / "serial").write_text(f"{serial:02x}\n")
        (work / "configuration").write_text(
            f"[ca]\ndefault_ca=c\n[c]\ndatabase={work}/index\nnew_certs_dir={work}\nserial={work}/serial\n"
            f"default_md={digest}\npolicy=p\n[p]\ncommonName=optional\n[x]\n"
            + "".join(f"{key}={value}\n" for key, value in extensions.items())
        )
        self.run("req", "-new", "-utf8", "-key", self.key(key), "-subj", subject, "-out", work / "request")
        signing = ["-selfsign", "-keyfile", self.key(key)]
        if issuer is not None:
            signing = ["-cert", issuer[0], "-keyfile", self.key(issuer[1])]
        self.run(
            "ca", "-batch", "-notext", "-utf8", "-config", work / "configuration", "-extensions", "x",
            *signing, "-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}",
            "-in", work / "request", "-out", work / "certificate.pem",
        )  # fmt: skip
        self._made[name] = work / "certificate.pem"
        return self._made[name]

    def pkcs12(
        self,
        certificate: Path,
        *,
        key: str | None = "rsa2048",
        password: str = "",
        options: tuple[str, ...] = (),
    ) -> Path:
        """A PKCS #12 file of a certificate and its key, or without a key."""
        name = sha256(repr((certificate, key, password, options)).encode()).hexdigest()[:20]
        if name not in self._made:
            self._made[name] = self.folder / f"{name}.p12"
            with_key = ["-nokeys"] if key is None else ["-inkey", self.key(key)]
            self.run(
                "pkcs12", "-export", "-in", certificate, *with_key, "-out", self._made[name],
                "-passout", "env:P", *options, password=password,
            )  # fmt: skip
        return self._made[name]

    def encrypted_key(self, form: str, *, password: str, key: str = "rsa2048") -> Path:
        """A key encrypted with a password: pkcs8, pkcs8-der, pkcs8-legacy or traditional."""
        path = self.folder / f"{key}-{form}-{sha256(password.encode()).hexdigest()[:8]}.key"
        options = {
            "pkcs8": ["pkcs8", "-topk8"],
            "pkcs8-der": ["pkcs8", "-topk8", "-outform", "DER"],
            "pkcs8-legacy": ["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"],
            "traditional": ["rsa", "-aes256", "-traditional"],
        }[form]
        self.run(*options, "-in", self.key(key), "-out", path, "-passout", "env:P", password=password)
        return path
