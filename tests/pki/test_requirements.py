"""Each requirement broken alone, in certificates that `openssl` made; and what `openssl` says itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from openssl_command import ALL_USAGES, BEGIN, END, GOOD, HOST, Openssl

from sim.pki.names import host_of, names_host
from sim.pki.reading import read
from sim.pki.requirements import RULES, Verdict, judge

AT = datetime(2026, 6, 1, tzinfo=UTC)
ADDRESS = f"{HOST}:13292"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
APPLE_BEGINS = datetime(2019, 7, 1, tzinfo=UTC)


def verdict_on(path: Path, *, address: str | None = ADDRESS, at: datetime | None = AT) -> Verdict:
    return judge(read(path), address=address, at=at)


def broken(path: Path, *, address: str | None = ADDRESS, at: datetime | None = AT) -> set[str]:
    return {each.rule.name for each in verdict_on(path, address=address, at=at).broken()}


def test_a_good_certificate_breaks_no_rule_and_everybody_takes_it(openssl: Openssl) -> None:
    verdict = verdict_on(openssl.certificate())
    assert verdict.is_accepted
    assert verdict.unfit is None
    assert verdict.refused_by == verdict.stranded == frozenset()
    assert [each.rule.name for each in verdict.judgements] == [rule.name for rule in RULES]


def test_every_rule_names_what_it_asks_and_who_says_so() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.asks and rule.source for rule in RULES)


def without(usage: str) -> str:
    return "critical," + ",".join(each for each in ALL_USAGES.split(",") if each != usage)


ALONE: Mapping[str, tuple[dict[str, Any], set[str]]] = {
    "a second more than 397 days": ({"end": END + SECOND}, {"kaspersky-validity"}),
    "a second more than 825 days": (
        {"end": BEGIN + 825 * DAY + SECOND},
        {"kaspersky-validity", "apple-validity"},  # who breaks Apple's limit breaks Kaspersky's
    ),
    "825 days": ({"end": BEGIN + 825 * DAY}, {"kaspersky-validity"}),
    "a bit short of 2048": ({"key": "rsa2047"}, {"kaspersky-key-length", "apple-key-length"}),
    "1024 bits": ({"key": "rsa1024"}, {"kaspersky-key-length", "apple-key-length"}),
    "elliptic curve": ({"key": "ec"}, {"kaspersky-key-length"}),
    "ed25519": ({"key": "ed25519"}, {"kaspersky-key-length", "apple-signature-hash"}),
    "no authority": ({"basicConstraints": "critical,CA:false"}, {"kaspersky-ca"}),
    "no basic constraints": ({"basicConstraints": None}, {"kaspersky-ca"}),
    "path length": ({"basicConstraints": "critical,CA:true,pathlen:0"}, {"kaspersky-path-length"}),
    "no key usage": ({"keyUsage": None}, {"kaspersky-key-usage"}),
    **{
        f"without {usage}": ({"keyUsage": without(usage)}, {"kaspersky-key-usage"})
        for usage in ALL_USAGES.split(",")
    },
    "no extended key usage": ({"extendedKeyUsage": None}, {"apple-extended-key-usage"}),
    "for clients only": (
        {"extendedKeyUsage": "clientAuth"},
        {"kaspersky-extended-key-usage", "apple-extended-key-usage"},
    ),
    "for anything": (
        {"extendedKeyUsage": "anyExtendedKeyUsage"},
        {"kaspersky-extended-key-usage", "apple-extended-key-usage"},
    ),
    "sha-1": ({"digest": "sha1"}, {"apple-signature-hash"}),
    "sha-3": ({"digest": "sha3-256"}, {"apple-signature-hash"}),
    "another host": ({"subjectAltName": "DNS:other.example.com"}, {"apple-server-name"}),
    "the common name only": ({"subjectAltName": None}, {"apple-server-name"}),
    "a mail address only": ({"subjectAltName": f"email:a@{HOST}"}, {"apple-server-name"}),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_requirement_broken_alone_is_the_one_that_is_told(openssl: Openssl, case: str) -> None:
    changes, expected = ALONE[case]
    assert broken(openssl.certificate(**changes)) == expected


@pytest.mark.parametrize("case", ALONE)
def test_kaspersky_decides_about_the_reserve_and_apple_about_ios(openssl: Openssl, case: str) -> None:
    changes, expected = ALONE[case]
    verdict = verdict_on(openssl.certificate(**changes))
    kaspersky = any(name.startswith("kaspersky") for name in expected)
    apple = any(name.startswith("apple") for name in expected)
    assert (verdict.unfit is not None) == kaspersky
    assert verdict.refused_by == (frozenset({"ios"}) if apple else frozenset())
    assert verdict.stranded == (frozenset({"ios"}) if apple and not kaspersky else frozenset())


@pytest.mark.parametrize(
    "changes",
    [
        {"end": BEGIN + 397 * DAY},
        {"extendedKeyUsage": "clientAuth,serverAuth"},
        {"keyUsage": ALL_USAGES + ",nonRepudiation"},
        {"digest": "sha512"},
        {"subjectAltName": f"DNS:a.example.org,DNS:{HOST.upper()}"},
        {"subjectAltName": "DNS:*.example.com"},
        {"subject": "/CN=another.example.org"},
    ],
    ids=str,
)
def test_what_is_on_the_right_side_of_a_rule_breaks_none(openssl: Openssl, changes: dict[str, Any]) -> None:
    assert broken(openssl.certificate(**changes)) == set()


def test_apples_dated_rules_begin_after_the_first_second_of_july_2019(openssl: Openssl) -> None:
    for begin, expected in ((APPLE_BEGINS, set()), (APPLE_BEGINS + SECOND, {"apple-extended-key-usage"})):
        path = openssl.certificate(begin=begin, end=begin + 300 * DAY, extendedKeyUsage=None)
        assert broken(path, at=begin) == expected
    old = openssl.certificate(begin=APPLE_BEGINS, end=APPLE_BEGINS + 826 * DAY, extendedKeyUsage="clientAuth")
    assert broken(old, at=APPLE_BEGINS) == {"kaspersky-validity", "kaspersky-extended-key-usage"}


def test_an_issuers_short_key_and_sha1_signature_count_for_apple(openssl: Openssl, tmp_path: Path) -> None:
    root = openssl.certificate(key="other2048", subject="/CN=root", digest="sha1")
    short = openssl.certificate(key="rsa1024", subject="/CN=short", issuer=(root, "other2048"), serial=2)
    leaf = openssl.certificate(issuer=(short, "rsa1024"), serial=3)
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf.read_text() + short.read_text() + root.read_text())
    assert broken(chain) == {"apple-key-length"}  # the root's own signature is nobody's to verify
    weak = openssl.certificate(key="ec", subject="/CN=weak", issuer=(root, "other2048"), digest="sha1")
    leaf = openssl.certificate(issuer=(weak, "ec"), serial=4)
    chain.write_text(weak.read_text() + root.read_text() + leaf.read_text())
    assert broken(chain) == {"apple-signature-hash"}


def test_pkcs12_without_a_private_key_is_no_certificate_of_a_server(openssl: Openssl) -> None:
    assert broken(openssl.pkcs12(openssl.certificate(), key=None)) == {"kaspersky-private-key"}
    assert broken(openssl.pkcs12(openssl.certificate())) == set()


def test_public_limits_are_information_by_the_date_of_issue(openssl: Openssl) -> None:
    limits = {
        "2026-03-14": 398,
        "2026-03-15": 200,
        "2027-03-15": 100,
        "2029-03-15": 47,
    }
    for date, days in limits.items():
        begin = datetime.fromisoformat(date).replace(tzinfo=UTC)
        for extra_s, word in ((0, "within"), (1, "above")):
            end = begin + min(days, 397) * DAY + (extra_s * SECOND if days < 398 else timedelta())
            verdict = verdict_on(openssl.certificate(begin=begin, end=end), at=begin)
            (told,) = [each for each in verdict.judgements if each.rule.name == "public-validity"]
            assert told.result == "information"
            assert f"{word if days < 398 else 'within'} the {days} d" in told.found


# --- what openssl itself says --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["begin", "end"])
def test_validity_at_its_bounds_is_what_openssl_verifies(openssl: Openssl, name: str) -> None:
    path = openssl.certificate()
    bound = {"begin": BEGIN, "end": END}[name]
    accepted = {}
    for at in (bound - SECOND, bound, bound + SECOND):
        said = openssl.run(
            "verify", "-attime", int(at.timestamp()), "-partial_chain", "-trusted", path, path, check=False
        )
        accepted[at] = said.endswith(": OK\n")
        assert accepted[at] == ("valid-now" not in broken(path, at=at)), said
        assert (verdict_on(path, at=at).refused_by == frozenset()) == accepted[at]
    assert list(accepted.values()) == ([False, True, True] if name == "begin" else [True, False, False])


@pytest.mark.parametrize(
    "names",
    [
        f"DNS:{HOST}",
        "DNS:*.example.com",
        "DNS:*.com",
        "DNS:MDM.Example.com",
        "DNS:xn--bcher-kva.example.com",
        "IP:192.0.2.1",
        "IP:2001:db8::1",
        "DNS:192.0.2.1",
        "DNS:a.example.com,DNS:*.mdm.example.com,IP:192.0.2.7",
    ],
)
def test_hosts_are_named_as_openssl_matches_them(openssl: Openssl, names: str) -> None:
    path = openssl.certificate(subjectAltName=names, subject="/CN=nobody")
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = [HOST, "MDM.EXAMPLE.COM", "a.mdm.example.com", "example.com", "a.b.example.com", "com", "x.com",
             "xn--bcher-kva.example.com"]  # fmt: skip
    for host in hosts:
        said = openssl.run("x509", "-in", path, "-noout", "-checkhost", host, check=False)
        assert names_host(held, host) == ("does match" in said), (names, host, said)
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:0::1"):
        said = openssl.run("x509", "-in", path, "-noout", "-checkip", address, check=False)
        assert names_host(held, address) == ("does match" in said), (names, address, said)


def test_a_host_is_an_address_without_its_port() -> None:
    for address, host in {
        f"{HOST}:13292": HOST,
        HOST: HOST,
        "192.0.2.1:443": "192.0.2.1",
        "[2001:db8::1]:443": "[2001:db8::1]",
        "[2001:db8::1]": "[2001:db8::1]",
    }.items():
        assert host_of(address) == host


def test_an_international_host_is_looked_for_in_the_form_that_certificates_have() -> None:
    assert names_host([x509.DNSName("xn--bcher-kva.example.com")], "bücher.example.com")
    assert not names_host([x509.DNSName("f*.example.com")], "fa.example.com")


def test_without_an_address_the_name_is_not_judged(openssl: Openssl) -> None:
    assert broken(openssl.certificate(subjectAltName="DNS:other.example.com"), address=None) == set()
    assert broken(openssl.certificate(subjectAltName=None), address=None) == {"apple-server-name"}


def test_the_good_extensions_are_those_of_the_documents() -> None:
    assert set(GOOD) == {"basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName"}
