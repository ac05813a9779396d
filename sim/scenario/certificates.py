"""The certificate files of a scenario: read, judged, and what they settle (model 3.1, 3.6, 5.6).

A password is looked up in the environment at the moment of reading, and is kept nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from sim.errors import UnreadableError
from sim.files import inside
from sim.scenario.problems import Place, Problem, ScenarioError
from sim.scenario.scenario import Scenario
from sim.scenario.schema import CertificateSource
from sim.text import quoted

if TYPE_CHECKING:
    from sim.pki.reading import Material
    from sim.pki.requirements import Verdict

FIRST: Final = "server.certificate"
"""The key of the certificate that is main at the start."""


@dataclass(frozen=True, slots=True)
class Custom:
    """A certificate from a file, as a scenario uses it.

    Attributes:
        key: the section that names the file, such as `strategy.0.reissue`.
        file: as written.
        identity: `sha256:…` of the certificate.
        not_before_s: first second at which it is valid, from the scenario's start.
        not_after_s: first second at which it is no longer valid.
        unfit: why it breaks Kaspersky's requirements, and so never becomes a reserve; None if it does not.
        is_public: whether the file holds nothing secret: no private key, nothing behind a password.
        material: the certificate with its chain and its private key.
    """

    key: str
    file: str
    identity: str
    not_before_s: int
    not_after_s: int
    unfit: str | None
    is_public: bool
    material: Material = field(repr=False)

    def verdict(self, address: str) -> Verdict:
        """Who accepts it at an address; whether it is valid is the simulation's to see."""
        from sim.pki.requirements import judge

        return judge(self.material, address=address)

    def refused_by(self, address: str) -> frozenset[str]:
        """The platforms that refuse it at an address (model 5.6)."""
        return self.verdict(address).refused_by


def read_certificates(scenario: Scenario) -> dict[str, Custom]:
    """The certificates that a scenario names files for, by the sections that name them.

    Raises:
        ScenarioError: a file is not a certificate, cannot be opened, or is used twice; every such mistake.
    """
    customs: dict[str, Custom] = {}
    problems: list[Problem] = []
    sections = {FIRST: scenario.server.certificate} | {
        f"strategy.{number}.reissue": step.reissue
        for number, step in enumerate(scenario.strategy)
        if step.reissue is not None
    }
    for key, source in sections.items():
        if source.file is None:
            continue
        try:
            custom = _read(scenario, key, source)
        except ScenarioError as error:
            problems += error.problems
            continue
        same = next((each.key for each in customs.values() if each.identity == custom.identity), None)
        if same is not None:  # in the engines they would be two (model 3.1)
            holds = f"{quoted(custom.file)} holds the same certificate as {same}.file"
            message = f"{holds}, and devices cannot tell the two apart: name another certificate"
            problems += mistake(scenario, f"{key}.file", message).problems
        customs[key] = custom
    if problems:
        raise ScenarioError(problems)
    return customs


def public_copies(customs: Iterable[Custom]) -> dict[str, bytes]:
    """The files with certificates and nothing secret, by path as written: the certificates as PEM.

    With them beside it, a scenario can be run again elsewhere. Left out is every file that has or may have a
    private key within, or that comes with one; and a path that climbs, which elsewhere would lead out.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    copies: dict[str, bytes] = {}
    for custom in customs:
        if custom.is_public and ".." not in PurePath(custom.file).parts:
            material = custom.material
            held = (material.certificate, *material.chain, *material.unrelated)
            copies[custom.file] = b"".join(each.public_bytes(Encoding.PEM) for each in held)
    return copies


def _read(scenario: Scenario, key: str, source: CertificateSource) -> Custom:
    from sim.pki.reading import CertificateError, PasswordNeededError, read
    from sim.pki.requirements import judge

    assert source.file is not None
    try:
        path = inside(scenario.folder, source.file)
        key_path = None if source.key is None else inside(scenario.folder, source.key)
    except UnreadableError as error:
        raise mistake(scenario, f"{key}.file", f"{quoted(source.file)} {error}") from None
    password = _password(scenario, key, source.password_env)
    wrong = None
    try:
        material = read(path, key_path=key_path, password=password)
    except CertificateError as error:
        wrong = error
    if wrong is not None:  # raised here and not above, so that nothing hangs on it
        is_key = source.key is not None and wrong.path == key_path
        advice = ""
        if isinstance(wrong, PasswordNeededError) and source.password_env is None:
            advice = "; name the environment variable that holds it, such as password_env: MOBILE_PASSWORD"
        written, name = (source.key, "key") if is_key else (source.file, "file")
        raise mistake(scenario, f"{key}.{name}", f"{quoted(written or '')} {wrong.message}{advice}")
    certificate = material.certificate
    may_be_secret = source.key or source.password_env or material.key is not None or material.is_pkcs12
    return Custom(
        key=key,
        file=source.file,
        identity=material.fingerprint,
        not_before_s=_seconds(scenario, certificate.not_valid_before_utc),
        not_after_s=_seconds(scenario, certificate.not_valid_after_utc),
        unfit=judge(material).unfit,
        is_public=not may_be_secret,
        material=material,
    )


def _password(scenario: Scenario, key: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    value = os.environ.get(name)
    if value is None:
        message = f"the environment variable {name} is not set: set it to the password of the certificate"
        raise mistake(scenario, f"{key}.password_env", message)
    return os.fsencode(value)


def _seconds(scenario: Scenario, moment: datetime) -> int:
    return (moment - scenario.start) // timedelta(seconds=1)


def mistake(scenario: Scenario, key: str, message: str) -> ScenarioError:
    """What is wrong at a key of a scenario, with its place."""
    place = scenario.place_of(key) or Place("<scenario>")
    return ScenarioError([Problem.at(place, key=key, message=message)])
