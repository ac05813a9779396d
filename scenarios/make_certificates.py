"""Writes certs/: made-up custom certificates, issued by the `openssl` command, always the same bytes.

They are self-signed with a test key that RFC 9500 publishes and everybody knows, so that no secret is in the
repository: they secure nothing. Scenarios need the certificates only, so no private key is written.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "certs"
KEY = Path(__file__).parents[1] / "sim" / "pki" / "rfc9500_rsa2048.pem"

ALL_USAGES = "digitalSignature,keyCertSign,keyEncipherment,cRLSign"
CERTIFICATES = {
    # name: (serial number, valid from, until, key usage, extended key usage)
    "mobile": ("01", "20260110000000Z", "20260510000000Z", ALL_USAGES, "serverAuth"),
    "without_server_auth": ("02", "20260401000000Z", "20270201000000Z", ALL_USAGES, ""),
    "without_crl_signing": (
        "03",
        "20260401000000Z",
        "20270201000000Z",
        "digitalSignature,keyCertSign,keyEncipherment",
        "serverAuth",
    ),
}
CONFIGURATION = """\
[ca]
default_ca = made_up
[made_up]
database = {folder}/index
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
organizationName = supplied
commonName = supplied
[extensions]
basicConstraints = critical,CA:true
keyUsage = critical,{usages}
{extended}
subjectAltName = DNS:mdm.example.com
subjectKeyIdentifier = hash
"""


def certificate(name: str) -> bytes:
    """The certificate of that name as PEM."""
    serial, begin, end, usages, extended = CERTIFICATES[name]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        extended_line = f"extendedKeyUsage = {extended}" if extended else ""
        settings = CONFIGURATION.format(folder=folder, usages=usages, extended=extended_line)
        (folder / "configuration").write_text(settings)
        (folder / "index").touch()
        (folder / "serial").write_text(f"{serial}\n")
        subject = f"/O=Simulation, secures nothing/CN=custom certificate {name}"
        request = ["openssl", "req", "-new", "-key", KEY, "-subj", subject, "-out", folder / "request"]
        issue = ["openssl", "ca", "-batch", "-notext", "-selfsign", "-keyfile", KEY, "-config",
                 folder / "configuration", "-extensions", "extensions", "-startdate", begin, "-enddate", end,
                 "-in", folder / "request", "-out", folder / "certificate"]  # fmt: skip
        for command in (request, issue):
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - nothing of it is from outside
        return (folder / "certificate").read_bytes()


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for name in CERTIFICATES:
        (FOLDER / f"{name}.pem").write_bytes(certificate(name))


if __name__ == "__main__":
    sys.exit(main())
