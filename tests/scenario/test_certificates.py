"""Certificate files in scenarios: validity, who refuses them, findings and mistakes (model 3.6, 5.6)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openssl_command import BEGIN, END, Openssl

import sim
from sim.pki.reading import read
from sim.scenario.findings import Finding, findings_of
from sim.scenario.prepare import prepare
from sim.world.plan import Plan
from sim.world.timeline import Timeline, play

DAY = timedelta(days=1)
D = 86_400
START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST_END = START + 60 * DAY
PHONES = [
    {"name": "android", "devices": 6, "sync": {"every": "6h", "phase": "even"}},
    {"name": "ios", "devices": 4, "platform": "ios", "sync": {"every": "6h", "phase": "even"}},
]


class Plans:
    """Writes certificates beside a scenario, and makes the scenario."""

    def __init__(self, openssl: Openssl, folder: Path) -> None:
        self.openssl = openssl
        self.folder = folder

    def custom(self, name: str, **changes: Any) -> dict[str, str]:
        """A section `issuer: custom` with a certificate that is like a good one but for the changes."""
        shutil.copy(self.openssl.certificate(**changes), self.folder / name)
        return {"issuer": "custom", "file": name}

    def scenario(
        self,
        *,
        first: dict[str, Any] | None = None,
        strategy: list[dict[str, Any]] | None = None,
        duration: str = "90d",
        **more: Any,
    ) -> sim.Scenario:
        server = {"certificate": first or {"expires": "day 60"}, "automatic_reissue": "off"}
        document = {
            "name": "x",
            "start": "2026-03-01",
            "duration": duration,
            "server": server,
            "fleet": PHONES,
            "strategy": strategy or [],
            **more,
        }
        return sim.Scenario.from_document(document, folder=self.folder)

    def reissue(self, name: str, activate: str = "after 30d", **changes: Any) -> dict[str, Any]:
        """Reissue on day 10, with a certificate of serial number 5."""
        custom = self.custom(name, **{"serial": 5, **changes})
        return {"at": "day 10", "reissue": {**custom, "activate": activate}}


@pytest.fixture
def plans(openssl: Openssl, tmp_path: Path) -> Plans:
    return Plans(openssl, tmp_path)


def lost(scenario: sim.Scenario) -> dict[str, float | None]:
    """Lost devices by group; both engines agree on the whole outcome."""
    assert sim.verify(scenario).equal
    return {name: group["lost_devices"] for name, group in sim.run(scenario).groups.items()}


def happened(scenario: sim.Scenario) -> list[tuple[float, str]]:
    return [(event.at_s / D, event.name) for event in play(prepare(scenario).plan).events]


def rules(scenario: sim.Scenario) -> list[tuple[str, str]]:
    return [(finding.rule, finding.key) for finding in findings_of(scenario)]


def finding(scenario: sim.Scenario, rule: str) -> Finding:
    (found,) = [each for each in findings_of(scenario) if each.rule == rule]
    return found


def problem(scenario: sim.Scenario) -> tuple[str, str]:
    """The one mistake that keeps a scenario from running or from being checked."""
    with pytest.raises(sim.ScenarioError) as caught:
        sim.run(scenario)
    with pytest.raises(sim.ScenarioError) as again:
        findings_of(scenario)
    assert again.value.problems == caught.value.problems
    (told,) = caught.value.problems
    return told.key, told.message


# --- validity ------------------------------------------------------------------------------------------


def test_the_first_certificates_validity_is_the_files(plans: Plans) -> None:
    first = plans.custom("first.pem", end=FIRST_END)
    scenario = plans.scenario(first={**first, "expires": "day 20", "valid_for": "50d"})
    assert happened(scenario) == [(60, "certificate expired")]
    assert lost(scenario) == {"android": 6, "ios": 4}
    assert set(rules(scenario)) == {
        ("expiry-without-reserve", "server.certificate.file"),
        ("validity-not-of-the-file", "server.certificate.valid_for"),
        ("validity-not-of-the-file", "server.certificate.expires"),
    }


def test_instants_counted_from_the_expiry_follow_the_file(plans: Plans) -> None:
    first = plans.custom("first.pem", end=FIRST_END)
    step = plans.reissue("next.pem") | {"at": "expiry - 33d"}
    scenario = plans.scenario(first=first, strategy=[step])
    assert happened(scenario) == [(27, "reserve specified"), (57, "reserve activated")]
    assert lost(scenario) == {"android": 0, "ios": 0}
    assert rules(scenario) == []


def test_a_reserves_validity_is_the_files(plans: Plans) -> None:
    end = START + 50 * DAY
    scenario = plans.scenario(strategy=[plans.reissue("next.pem", end=end)])
    assert happened(scenario)[1:] == [(40, "reserve activated"), (50, "certificate expired")]
    step = plans.reissue("next.pem", end=end)
    step["reissue"]["valid_for"] = "100d"
    assert ("validity-not-of-the-file", "strategy.0.reissue.valid_for") in rules(
        plans.scenario(strategy=[step])
    )


@pytest.mark.parametrize(
    ("begin", "end", "lost_phones"),
    [
        (BEGIN, START + 40 * DAY, 10),  # expires in the second of activation: refused, as OpenSSL does
        (BEGIN, START + 40 * DAY + timedelta(seconds=1), 10),  # one second later all are lost by the expiry
        (START + 40 * DAY, END, 0),  # valid from the second of activation on
        (START + 40 * DAY + timedelta(seconds=1), END, 10),  # not yet
        (BEGIN, START + 5 * DAY, 10),  # has expired before it is specified
    ],
)
def test_a_reserve_not_valid_at_activation_loses_everybody(
    plans: Plans, begin: datetime, end: datetime, lost_phones: int
) -> None:
    scenario = plans.scenario(strategy=[plans.reissue("next.pem", begin=begin, end=end)])
    counted = lost(scenario)
    assert sum(count or 0 for count in counted.values()) == lost_phones
    told = "reserve-not-valid-at-activation" in {rule for rule, _ in rules(scenario)}
    assert told == (not begin <= START + 40 * DAY < end)


def test_immediately_with_one_that_is_not_yet_valid_is_a_finding(plans: Plans) -> None:
    step = plans.reissue("next.pem", activate="immediately", begin=START + 11 * DAY)
    scenario = plans.scenario(strategy=[step])
    assert ("certificate-not-valid-when-main", "strategy.0.reissue.file") in rules(scenario)
    assert lost(scenario) == {"android": 6, "ios": 4}


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        (BEGIN, START - DAY, "expires 1d before the start"),
        (START + DAY, END, "begins 1d after the start"),
    ],
)
def test_the_first_certificate_is_valid_at_the_start(
    plans: Plans, begin: datetime, end: datetime, said: str
) -> None:
    key, message = problem(plans.scenario(first=plans.custom("first.pem", begin=begin, end=end)))
    assert key == "server.certificate.file"
    assert said in message


# --- requirements --------------------------------------------------------------------------------------


@pytest.mark.parametrize("activate", ["after 30d", "at expiry", "immediately"])
def test_what_breaks_kasperskys_requirements_never_becomes_anything(plans: Plans, activate: str) -> None:
    step = plans.reissue("next.pem", activate=activate, basicConstraints="CA:false")
    scenario = plans.scenario(strategy=[step], duration="50d")
    assert happened(scenario) == [(10, "reissue failed")]
    assert lost(scenario) == {"android": 0, "ios": 0}
    (event,) = sim.run(scenario).to_json()["events"]
    assert event["reason"] == "next.pem: it breaks Kaspersky's requirements: kaspersky-ca (CA false)"
    assert event["by"] == "operator"
    assert ("kaspersky-ca", "strategy.0.reissue.file") in rules(scenario)
    assert finding(scenario, "kaspersky-ca").source.startswith("support.kaspersky.com/")
    assert "immediately-with-devices" not in {rule for rule, _ in rules(scenario)}


def test_a_second_more_than_397_days_is_kasperskys_to_refuse(plans: Plans) -> None:
    for extra_s, names in ((0, ["reserve specified"]), (1, ["reissue failed"])):
        end = BEGIN + 397 * DAY + timedelta(seconds=extra_s)
        scenario = plans.scenario(strategy=[plans.reissue("next.pem", end=end)], duration="30d")
        assert [name for _, name in happened(scenario)] == names


def test_what_apple_refuses_strands_ios_at_activation_and_leaves_android(plans: Plans) -> None:
    scenario = plans.scenario(strategy=[plans.reissue("next.pem", extendedKeyUsage=None)])
    assert lost(scenario) == {"android": 0, "ios": 4}
    devices = sim.run(scenario).devices.query("platform == 'ios'")
    assert set(devices["lost_cause"]) == {"platform"}
    assert set(devices["lost_at"]) == {START + 40 * DAY}
    assert rules(scenario) == [
        ("apple-extended-key-usage", "strategy.0.reissue.file"),
        ("ios-refuses-the-certificate", "fleet.1"),
    ]


def test_what_apple_refuses_is_told_without_ios_devices_too(plans: Plans) -> None:
    step = plans.reissue("next.pem", extendedKeyUsage=None)
    scenario = plans.scenario(strategy=[step], fleet=PHONES[:1])
    assert rules(scenario) == [("apple-extended-key-usage", "strategy.0.reissue.file")]


def test_ios_devices_of_an_inventory_are_counted(plans: Plans) -> None:
    (plans.folder / "devices.csv").write_text("id;platform\na;ios\nb;android\nc;\nd;iPadOS 17\n")
    fleet = [{"name": "listed", "inventory": "devices.csv", "platform": "ios"}]
    scenario = plans.scenario(strategy=[plans.reissue("next.pem", digest="sha1")], fleet=fleet)
    assert ": 3 devices" in finding(scenario, "ios-refuses-the-certificate").message


def test_an_unfit_certificate_that_is_main_already_is_a_finding_and_the_run_goes_on(plans: Plans) -> None:
    first = plans.custom("first.pem", key="ec")
    scenario = plans.scenario(first=first, strategy=[plans.reissue("next.pem")])
    assert lost(scenario) == {"android": 0, "ios": 0}
    assert rules(scenario) == [("kaspersky-key-length", "server.certificate.file")]


def test_ios_never_synchronizes_with_a_first_certificate_that_apple_refuses(plans: Plans) -> None:
    first = plans.custom("first.pem", subjectAltName="DNS:other.example.com")
    scenario = plans.scenario(first=first)
    assert sim.verify(scenario).equal
    devices = sim.run(scenario).devices
    assert set(devices.query("platform == 'ios'")["syncs"]) == {0}
    assert devices.query("platform == 'android'")["syncs"].min() == 90 * 4
    assert ("ios-refuses-the-certificate", "fleet.1") in rules(scenario)


def test_a_reissue_after_a_long_first_certificate_lives_397_days_at_most(plans: Plans) -> None:
    first = plans.custom("first.pem", end=BEGIN + 800 * DAY)
    scenario = plans.scenario(first=first, strategy=[{"at": "day 1", "reissue": {"activate": "after 30d"}}])
    (_, second) = play(prepare(scenario).plan).server.certificates
    assert second.life_s == 397 * D


# --- the address ---------------------------------------------------------------------------------------

NEW = {"change_to": "new.example.com:13292", "old_address_stays": "0s"}


@pytest.mark.parametrize(
    ("names", "address", "lost_ios"),
    [
        ("DNS:mdm.example.com", "keep", 0),
        ("DNS:mdm.example.com", NEW, 4),
        ("DNS:new.example.com", NEW, 0),
        ("DNS:new.example.com", "keep", 4),
    ],
)
def test_apple_asks_for_the_name_of_the_address_that_is_dialled_then(
    plans: Plans, names: str, address: Any, lost_ios: int
) -> None:
    step = plans.reissue("next.pem", subjectAltName=names)
    step["reissue"]["address"] = address
    assert lost(plans.scenario(strategy=[step])) == {"android": 0, "ios": lost_ios}


def test_an_address_changed_before_is_the_one_in_force(plans: Plans) -> None:
    change = {"at": "day 1", "reissue": {"activate": "after 5d", "address": NEW}}
    step = plans.reissue("next.pem", subjectAltName="DNS:new.example.com")
    assert lost(plans.scenario(strategy=[change, step])) == {"android": 0, "ios": 0}
    assert lost(plans.scenario(strategy=[step])) == {"android": 0, "ios": 4}


# --- identity ------------------------------------------------------------------------------------------


def test_events_name_the_files_certificate_by_its_own_fingerprint(plans: Plans) -> None:
    scenario = plans.scenario(
        first=plans.custom("first.pem", end=FIRST_END), strategy=[plans.reissue("next.pem")]
    )
    result = sim.run(scenario)
    expected = {
        number: read(plans.folder / f"{name}.pem").fingerprint for number, name in ((0, "first"), (1, "next"))
    }
    assert result.certificates == expected
    assert {event["certificate"] for event in result.to_json()["events"]} == {expected[1]}


def test_the_same_certificate_twice_is_a_mistake(plans: Plans) -> None:
    first = plans.custom("first.pem", serial=5)
    key, message = problem(plans.scenario(first=first, strategy=[plans.reissue("again.pem")]))
    assert key == "strategy.0.reissue.file"
    assert "the same certificate as server.certificate.file" in message


# --- files that cannot be used -------------------------------------------------------------------------


def test_pkcs12_with_its_password_in_the_environment(
    plans: Plans, openssl: Openssl, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "pässwörd"
    shutil.copy(openssl.pkcs12(openssl.certificate(), password=password), plans.folder / "m.p12")
    custom = {"issuer": "custom", "file": "m.p12", "password_env": "MOBILE_PASSWORD"}
    scenario = plans.scenario(first=custom)
    monkeypatch.setenv("MOBILE_PASSWORD", password)
    assert rules(scenario) == [("nothing-happens", "duration")]
    monkeypatch.setenv("MOBILE_PASSWORD", "wrong")
    key, message = problem(scenario)
    assert (key, "not opened by the password" in message) == ("server.certificate.file", True)
    monkeypatch.delenv("MOBILE_PASSWORD")
    key, message = problem(scenario)
    assert (key, "MOBILE_PASSWORD is not set" in message) == ("server.certificate.password_env", True)
    del custom["password_env"]
    key, message = problem(plans.scenario(first=custom))
    assert (key, "password_env: " in message) == ("server.certificate.file", True)


def test_x509_with_its_encrypted_key(plans: Plans, openssl: Openssl, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(openssl.encrypted_key("pkcs8", password="abc"), plans.folder / "m.key")
    custom = plans.custom("m.pem") | {"key": "m.key", "password_env": "MOBILE_PASSWORD"}
    monkeypatch.setenv("MOBILE_PASSWORD", "abc")
    assert rules(plans.scenario(first=custom)) == [("nothing-happens", "duration")]
    monkeypatch.setenv("MOBILE_PASSWORD", "wrong")
    assert problem(plans.scenario(first=custom))[0] == "server.certificate.key"
    shutil.copy(openssl.key("other2048"), plans.folder / "m.key")
    key, message = problem(plans.scenario(first=custom))
    assert (key, "does not belong" in message) == ("server.certificate.file", True)


def test_a_mistake_in_a_file_is_told_with_its_place(plans: Plans) -> None:
    (plans.folder / "junk.pem").write_text("junk")
    page = plans.folder / "plan.yaml"
    page.write_text(
        "name: x\nstart: 2026-03-01\nduration: 9d\nfleet: [{name: a, devices: 1}]\n"
        "server:\n  certificate: {issuer: custom, file: junk.pem}\n"
        "strategy:\n  - at: day 1\n    reissue: {issuer: custom, file: junk.pem}\n"
    )
    with pytest.raises(sim.ScenarioError) as caught:
        sim.run(sim.load(page))
    assert [(each.line, each.key) for each in caught.value.problems] == [
        (6, "server.certificate.file"),
        (9, "strategy.0.reissue.file"),
    ]
    assert str(caught.value).startswith(
        f'{page}:6:39: server.certificate.file: "junk.pem" is neither PKCS #12'
    )


def test_a_link_out_of_the_scenarios_folder_is_refused(plans: Plans, openssl: Openssl) -> None:
    (plans.folder / "link.pem").symlink_to(openssl.certificate())
    with pytest.raises(sim.ScenarioError, match=r"leads out of the scenario's folder"):
        plans.scenario(first={"issuer": "custom", "file": "link.pem"})


# --- read once -----------------------------------------------------------------------------------------


def test_files_are_read_once_and_the_server_is_played_once(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = plans.scenario(first=plans.custom("first.pem"), strategy=[plans.reissue("next.pem")])
    reads: list[Path] = []
    played: list[Plan] = []

    def counted_read(path: Path, **more: Any) -> Any:
        reads.append(path)
        return read(path, **more)

    def counted_play(plan: Plan) -> Timeline:
        played.append(plan)
        return play(plan)

    monkeypatch.setattr("sim.pki.reading.read", counted_read)
    monkeypatch.setattr("sim.scenario.prepare.play", counted_play)
    prepared = prepare(scenario)
    assert not played, "no address changes, so that nobody has to know which one a certificate serves"
    assert prepared.timeline is prepared.timeline
    prepared.roster()
    other = prepared.with_plan(prepared.plan.with_delay(0, 5 * D))
    assert other.timeline.switches
    assert [path.name for path in reads] == ["first.pem", "next.pem"]
    assert played == [prepared.plan, other.plan]


def test_who_refuses_a_certificate_is_judged_at_the_address_of_each_plan(plans: Plans) -> None:
    moves = {"at": "day 5", "reissue": {"activate": "after 10d", "address": NEW}}
    scenario = plans.scenario(strategy=[moves, plans.reissue("next.pem", "after 20d")])
    prepared = prepare(scenario)
    assert prepared.plan.reissue(1).refused_by == frozenset(), "specified before the address changes"
    sooner = prepared.with_plan(prepared.plan.with_delay(0, 2 * D))
    assert sooner.plan.reissue(1).refused_by == {"ios"}, "specified when the new address is main"
    assert [action.step for action in sooner.plan.actions] == [0, 1]


def test_a_scenario_that_was_prepared_knows_when_its_first_certificate_expires(plans: Plans) -> None:
    scenario = plans.scenario(
        first=plans.custom("first.pem"), strategy=[{"at": "expiry - 9d", "reissue": {}}]
    )
    with pytest.raises(LookupError, match=r"first\.pem"):
        _ = scenario.expiry_s
    prepared = prepare(scenario)
    assert prepared.scenario.expiry_s == prepared.plan.first.not_after_s
    assert prepared.instant_of(0) == prepared.plan.action(0).at_s == prepared.scenario.expiry_s - 9 * D
