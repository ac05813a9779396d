"""Plans played with real TLS agree with the model, and every planted defect is found and named."""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import random_scenarios
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

import sim
from sim import cli
from sim.errors import InputError
from sim.pki.issue import authority, issue
from sim.processes.engine import simulate
from sim.processes.recording import RecordedDevice, Recorder
from sim.rehearsal.phone import COUNTS_NOT_AFTER_IN, Phone
from sim.rehearsal.result import Rehearsal
from sim.rehearsal.server import Credential, Held, LoopbackServer
from sim.rehearsal.study import sample_of, script_of
from sim.scenario.prepare import prepare
from sim.studies.experiment import Experiment
from sim.summary.terminal import to_text
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import Fleet
from sim.world.timeline import Timeline, play

SCENARIOS = Path(__file__).parents[2] / "scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))
DAY = 86_400


def scenario(
    *strategy: dict[str, Any],
    server: dict[str, Any] | None = None,
    fleet: Sequence[dict[str, Any]] = (),
    folder: Path | None = None,
    **more: Any,
) -> sim.Scenario:
    """Three phones that connect at 00:00, 06:00, 12:00 and 18:00; the certificate expires on day 10."""
    phones = {"name": "phones", "devices": 3, "sync": {"every": "6h", "phase": "0s"}}
    return sim.Scenario.from_document(
        {
            "name": "Plan",
            "start": "2026-03-01",
            "duration": "20d",
            "server": {
                "certificate": {"expires": "day 10"},
                "automatic_reissue": "off",
                **(server or {}),
            },
            "fleet": list(fleet) or [phones],
            "strategy": list(strategy),
            **more,
        },
        folder=folder,
    )


def rehearsed(*strategy: dict[str, Any], **more: Any) -> Rehearsal:
    return sim.rehearse(scenario(*strategy, **more))


def verdicts_at(rehearsal: Rehearsal, instant_s: int) -> Counter[tuple[str, str | None]]:
    """How connections at an instant ended."""
    return Counter(
        (each.meeting.verdict, each.meeting.reason)
        for each in rehearsal.played
        if each.encounter.at_s == instant_s and each.meeting is not None
    )


REISSUE = {"at": "day 2", "reissue": {"activate": "after 3d"}}
IMMEDIATE = {"at": "day 5 08:00", "reissue": {"activate": "immediately"}}
STRANGE = ("refused", "not one of the trusted certificates")


# --- what is covered -----------------------------------------------------------------------------------


def test_a_reserve_that_was_delivered_is_accepted_from_the_second_of_its_activation() -> None:
    rehearsal = rehearsed(REISSUE)
    assert rehearsal.agrees
    for instant_s in (5 * DAY - 1, 5 * DAY, 5 * DAY + 1):
        assert set(verdicts_at(rehearsal, instant_s)) == {("accepted", None)}
    shown = {
        at_s: {each.fingerprint for each in rehearsal.played if each.encounter.at_s == at_s}
        for at_s in (5 * DAY - 1, 5 * DAY)
    }
    (first,), (second,) = shown.values()
    assert first != second
    slots = {
        each.slots for each in rehearsal.played
    }  # the reserve slot authenticated, and became the main one
    assert slots == {(first, None), (first, second), (second, None)}


def test_an_immediate_replacement_is_refused_from_its_second_on() -> None:
    rehearsal = rehearsed(IMMEDIATE)
    switch_s = 5 * DAY + 8 * 3600
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, switch_s - 1)) == {("accepted", None)}
    assert set(verdicts_at(rehearsal, switch_s)) == {STRANGE}
    after = [e for e in rehearsal.played if e.encounter.at_s >= switch_s and e.meeting is not None]
    assert {e.meeting.verdict for e in after} == {"refused"}


def test_what_is_put_back_is_accepted_again_from_that_second_on() -> None:
    first = {"certificate": {"expires": "day 10", "issuer": "custom"}}  # one that can be put back (model 3.9)
    rehearsal = rehearsed(IMMEDIATE, {"at": "day 5 09:00", "restore_previous": {}}, server=first)
    back_s = 5 * DAY + 9 * 3600
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, back_s - 1)) == {STRANGE}
    assert set(verdicts_at(rehearsal, back_s)) == {("accepted", None)}


def test_an_expired_certificate_is_refused_from_its_not_after_on() -> None:
    rehearsal = rehearsed()
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, 10 * DAY - 1)) == {("accepted", None)}
    assert set(verdicts_at(rehearsal, 10 * DAY + 1)) == {("refused", "expired")}
    in_it = [each for each in rehearsal.played if each.encounter.at_s == 10 * DAY]
    assert sum(each.encounter.kind == "attempt" for each in in_it) == 3  # all three phones are due then
    if COUNTS_NOT_AFTER_IN:  # this OpenSSL cannot be a witness of that second, and is not asked
        assert [each for each in rehearsal.played if each.meeting is None] == in_it
        assert rehearsal.not_judged == len(in_it)
        assert f"{len(in_it)} connections in the very second of a notAfter" in to_text(rehearsal.summary())
    else:
        assert set(verdicts_at(rehearsal, 10 * DAY)) == {("refused", "expired")}
        assert rehearsal.not_judged == 0


def test_a_reserve_that_waits_for_its_date_leaves_an_expired_certificate_behind() -> None:
    rehearsal = rehearsed({"at": "day 8", "reissue": {"activate": "after 4d"}}, server={"activation": "date"})
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, 12 * DAY - 1)) == {("refused", "expired")}
    assert set(verdicts_at(rehearsal, 12 * DAY)) == {("accepted", None)}


def test_nobody_listens_during_an_outage() -> None:
    rehearsal = rehearsed(server={"outages": [{"from": "day 3", "for": "1d"}]})
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, 3 * DAY)) == {("unreachable", None)}
    assert set(verdicts_at(rehearsal, 4 * DAY - 1)) == {("unreachable", None)}
    assert set(verdicts_at(rehearsal, 4 * DAY)) == {("accepted", None)}


def test_a_changed_address_is_dialled_from_activation_on_and_answers_once_it_is_open() -> None:
    change = {"change_to": "new.example.com:13292", "opens": "day 6"}
    rehearsal = rehearsed({"at": "day 2", "reissue": {"activate": "after 3d", "address": change}})
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, 5 * DAY - 1)) == {("accepted", None)}
    assert set(verdicts_at(rehearsal, 5 * DAY)) == {("unreachable", None)}
    assert set(verdicts_at(rehearsal, 6 * DAY)) == {("accepted", None)}


def test_a_replaced_reserve_in_a_slot_opens_nothing() -> None:
    rehearsal = rehearsed(REISSUE, {"at": "day 4 00:00:01", "reissue": {"activate": "after 1h"}})
    assert rehearsal.agrees
    assert set(verdicts_at(rehearsal, 4 * DAY + 3601)) == {STRANGE}


def test_a_reinstalled_device_holds_what_the_server_has() -> None:
    rehearsal = rehearsed(
        IMMEDIATE,
        recovery={"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "1h"},
    )
    assert rehearsal.agrees
    reinstalled = [each for each in rehearsal.played if each.encounter.kind == "reinstall"]
    began_s = 5 * DAY + 10 * 3600  # one technician: one phone an hour, from two hours after the loss on
    assert [each.encounter.at_s for each in reinstalled] == [began_s + n * 3600 for n in (1, 2, 3)]
    assert {each.meeting.verdict for each in reinstalled} == {"accepted"}


def test_iphones_refuse_what_apple_refuses_by_the_certificate_that_they_receive() -> None:
    plan = sim.load(SCENARIOS / "custom_certificate_strands_ios.yaml")
    rehearsal = sim.rehearse(plan, devices=4)
    assert rehearsal.agrees
    after = [each for each in rehearsal.played if each.encounter.at_s >= 65 * DAY and each.meeting]
    by_platform = {
        platform: {
            e.meeting.verdict for e in after if rehearsal.profiles[e.encounter.device].platform == platform
        }
        for platform in ("android", "ios")
    }
    assert by_platform["ios"] == {"refused"}
    assert "accepted" in by_platform["android"]
    assert any("apple-extended-key-usage" in (each.meeting.reason or "") for each in after)


def test_devices_that_held_the_reserve_from_the_start_authenticate_with_it(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("id,holds_reserve\na,yes\nb,no\n", encoding="utf-8")
    rehearsal = rehearsed(
        {"at": "day 2 00:00:01", "reissue": {"activate": "after 1h"}},
        fleet=[{"name": "listed", "inventory": "devices.csv", "sync": {"every": "6h", "phase": "0s"}}],
        folder=tmp_path,
    )
    assert rehearsal.agrees
    after = [e for e in rehearsal.played if e.encounter.at_s == 2 * DAY + 6 * 3600]
    assert {rehearsal.devices[e.encounter.device]: e.meeting.verdict for e in after} == {
        "a": "accepted",
        "b": "refused",
    }


def test_the_first_replication_is_the_one_that_the_scenario_names() -> None:
    """Random phases, so that each replication is another one."""
    phones = {"name": "phones", "devices": 12, "sync": {"every": "3d"}}
    reissue = {"at": "day 2", "reissue": {"activate": "after 1d"}}
    plan = scenario(reissue, fleet=[phones], first_replication=4)
    lost = sim.run(plan).measures["lost_devices"]
    assert lost
    rehearsal = sim.rehearse(plan)
    assert rehearsal.agrees
    refused = {e.encounter.device for e in rehearsal.played if e.meeting and e.meeting.verdict == "refused"}
    assert len(refused) >= lost


def test_a_fleet_without_devices_is_no_evidence() -> None:
    rehearsal = rehearsed(fleet=[{"name": "none", "devices": 0}])
    assert rehearsal.agrees
    assert rehearsal.connections == 0


# --- every shipped scenario ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_rehearsal_of_a_shipped_scenario_agrees(name: str) -> None:
    plan = sim.load(SCENARIOS / f"{name}.yaml")
    changes: dict[str, object] = {
        f"fleet.{number}.devices": 50
        for number, group in enumerate(plan.fleet)
        if group.devices is not None and group.devices > 50
    }
    if plan.duration > 150 * DAY:
        changes["duration"] = "100d"
    plan = plan.changed(changes)
    if levers := prepare(plan).plan.levers_that_couple:  # whoever is alone meets no gate and is on no list
        with pytest.raises(InputError, match=levers[0]):
            sim.rehearse(plan, devices=3)
        return
    rehearsal = sim.rehearse(plan, devices=3)
    assert rehearsal.agrees
    assert rehearsal.connections > 0
    unjudged = {each.encounter.verdict for each in rehearsal.played if each.meeting is None}
    assert unjudged <= ({"refused"} if COUNTS_NOT_AFTER_IN else set())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_full_rehearsal_of_a_shipped_scenario_agrees(name: str) -> None:
    plan = sim.load(SCENARIOS / f"{name}.yaml")
    if not prepare(plan).plan.levers_that_couple:
        assert sim.rehearse(plan).agrees


# --- planted defects -----------------------------------------------------------------------------------


def named(rehearsal: Rehearsal) -> str:
    """The first disagreement in words, after checking that it names everything."""
    first = rehearsal.disagreements[0]
    told = rehearsal.to_json()["disagreements"][0]
    assert told["device"] == rehearsal.devices[first.encounter.device]
    assert told["certificate"] == first.fingerprint
    for part in (told["device"], told["certificate"], told["model"]):
        assert part in told["message"]
    assert told["message"] in to_text(rehearsal.summary())
    return str(told["message"])


def test_a_switch_one_second_late_is_found_in_that_second(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(plan: Any) -> Timeline:
        timeline = play(plan)
        states = [
            replace(state, from_s=state.from_s + 1) if state.change == "immediate" else state
            for state in timeline.states
        ]
        return replace(timeline, states=tuple(states))

    monkeypatch.setattr("sim.scenario.prepare.play", late)
    rehearsal = rehearsed(IMMEDIATE)
    assert {each.encounter.at_s for each in rehearsal.disagreements} == {5 * DAY + 8 * 3600}
    assert "the model says refused" in named(rehearsal)
    assert "2026-03-06 08:00:00" in named(rehearsal)


def test_a_model_in_which_a_certificate_lives_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_valid_at(self: Certificate, instant_s: int) -> bool:
        return self.not_before_s <= instant_s <= self.not_after_s + 1

    monkeypatch.setattr(Certificate, "is_valid_at", is_valid_at)
    rehearsal = rehearsed()
    found_s = {each.encounter.at_s for each in rehearsal.disagreements}
    assert found_s == {10 * DAY + 1} | ({10 * DAY} if not COUNTS_NOT_AFTER_IN else set())
    assert "the model says accepted" in named(rehearsal)
    assert "refused (expired)" in named(rehearsal)


def test_a_device_that_trusts_the_issuer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anything:
        def __contains__(self, fingerprint: object) -> bool:
            return True

    monkeypatch.setattr(Phone, "trusted", lambda self: [authority()])
    monkeypatch.setattr(Phone, "slots", property(lambda self: Anything()))
    rehearsal = rehearsed(IMMEDIATE)
    wrong = [each for each in rehearsal.disagreements if each.encounter.verdict == "refused"]
    assert {each.meeting.verdict for each in wrong} == {"accepted"}


def test_a_server_that_forgets_the_reserve_is_found_where_it_should_have_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LoopbackServer, "reserve", None)
    rehearsal = rehearsed(REISSUE)
    first = rehearsal.disagreements[0]
    assert (first.encounter.at_s, first.encounter.kind) == (2 * DAY, "attempt")
    assert "afterwards the device holds" in named(rehearsal)
    activation = [e for e in rehearsal.disagreements if e.encounter.at_s == 5 * DAY]
    assert {(e.encounter.verdict, e.meeting.verdict) for e in activation} == {("accepted", "refused")}


def test_a_server_that_stays_open_in_an_outage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    become = LoopbackServer.become
    monkeypatch.setattr(
        LoopbackServer, "become", lambda self, state: become(self, replace(state, is_out=False))
    )
    rehearsal = rehearsed(server={"outages": [{"from": "day 3", "for": "1d"}]})
    assert {each.encounter.verdict for each in rehearsal.disagreements} == {"unreachable"}


def test_a_platform_that_asks_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Phone, "_objection", lambda *_: None)
    rehearsal = sim.rehearse(sim.load(SCENARIOS / "custom_certificate_strands_ios.yaml"), devices=4)
    assert {rehearsal.profiles[e.encounter.device].platform for e in rehearsal.disagreements} == {"ios"}


# --- how it is done ------------------------------------------------------------------------------------


def test_writing_down_what_happens_changes_nothing() -> None:
    plan = sim.load(SCENARIOS / "delayed_30d.yaml").changed(
        {"fleet.0.devices": 5, "fleet.1.devices": 5, "fleet.2.devices": 10}
    )
    experiment = Experiment.of(prepare(plan))
    whole = experiment.outcome(0)
    fleet = Fleet.start(whole.roster, Draws.of(plan.seed, 0))
    encounters, attempts = script_of(experiment.plan, fleet, play(experiment.plan))
    outcome = simulate(experiment.plan, fleet)
    kind = partial(RecordedDevice, Recorder(lambda _: None, probes_s=range(0, 20 * DAY, DAY)))
    assert simulate(experiment.plan, fleet, kind=kind).fingerprint == outcome.fingerprint
    accepted = [e for e in encounters if e.verdict == "accepted" and e.kind != "probe"]
    assert len(accepted) <= int(outcome.devices.syncs.sum()) < attempts.total()
    assert [e.at_s for e in encounters] == sorted(e.at_s for e in encounters)


def test_the_first_and_the_last_attempt_of_a_stretch_are_made() -> None:
    rehearsal = rehearsed(server={"certificate": {"expires": "day 100"}})
    assert rehearsal.agrees
    attempts = [(each.encounter.device, each.encounter.at_s) for each in rehearsal.played]
    last_s = 20 * DAY - 6 * 3600
    assert set(attempts) >= {(device, at_s) for device in range(3) for at_s in (0, last_s)}
    assert rehearsal.attempts == 3 * 80


@pytest.mark.parametrize(
    ("presented", "ever_presented", "address"),
    [
        ("main", {"main"}, "old:1"),  # it holds what is presented: in its main slot
        ("reserve", {"main", "reserve"}, "new:1"),  # or in its reserve slot
        ("main", {"main", "reserve"}, "old:1"),  # also where the other one was main in between
        ("other", {"main", "other"}, "old:1"),  # it holds neither, and its reserve was never main
        ("other", {"main", "reserve", "other"}, "new:1"),  # its reserve was main: that address is newer
    ],
)
def test_a_device_dials_by_what_it_holds(presented: str, ever_presented: set[str], address: str) -> None:
    """The three cases of model 4.3."""
    begin, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)
    issued = issue(generation=1, host="new", not_before=begin, not_after=end, issuer="ksc")
    main, reserve = Held(authority(), "old:1"), Held(issued, "new:1")
    names = {"main": main.fingerprint, "reserve": reserve.fingerprint, "other": "sha256:other"}
    device = Phone(main, reserve)
    assert address == device.dials(
        presented=names[presented], ever_presented={names[name] for name in ever_presented}
    )


@cache
def drawers() -> Any:
    fewer = {"fleet.0.devices": 20, "fleet.1.devices": 20}
    return Experiment.of(prepare(sim.load(SCENARIOS / "delayed_30d.yaml").changed(fewer))).outcome(0)


def test_the_sample_has_every_group() -> None:
    outcome = drawers()
    for devices in (3, 6, 20):
        chosen = sample_of(outcome, devices=devices)
        assert len(set(chosen.tolist())) == devices
        assert set(outcome.roster.group[chosen].tolist()) == {0, 1, 2}


def test_the_sample_has_every_fate() -> None:
    outcome = drawers()
    chosen = sample_of(outcome, devices=20)
    for column in (outcome.devices.lost_cause, outcome.devices.reconnected_by, outcome.is_lost):
        assert set(column[chosen].tolist()) == set(column.tolist())


def test_only_loopback_is_bound_and_dialled_and_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    for name in ("bind", "connect"):
        original = getattr(socket.socket, name)

        def watched(self: socket.socket, address: tuple[str, int], original: Any = original) -> None:
            seen.add(address[0])
            original(self, address)

        monkeypatch.setattr(socket.socket, name, watched)
    plan = scenario(IMMEDIATE)
    sim.rehearse(plan)  # whatever is loaded once is open now
    before = sorted(Path("/proc/self/fd").iterdir())
    sim.rehearse(plan)
    assert sorted(Path("/proc/self/fd").iterdir()) == before
    assert seen == {"127.0.0.1"}


# --- the command ---------------------------------------------------------------------------------------


def ran(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["reissue", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(scenario(IMMEDIATE).to_yaml(), encoding="utf-8")
    return path


def test_the_command_tells_what_was_played_and_ends_with_0(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "rehearse", str(file)) == 0
    out, err = capsys.readouterr()
    assert "certificate replaced immediately" in out
    assert "refused (not one of the trusted certificates)" in out
    assert "every connection went as the simulation says" in out
    assert "compiling" in err or not err


def test_the_command_prints_one_json_document(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "rehearse", str(file), "--json", "--devices", "2", "--seed", "7") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["agrees"] is True
    assert (document["devices"], document["fleet_devices"], document["seed"]) == (
        ["phones/0", "phones/1"],
        3,
        7,
    )
    assert document["attempts"] == 2 * 80  # two phones, four times a day for 20 days
    assert (
        sum(end["connections"] for row in document["rows"] for end in row["ends"])
        == (document["connections"])
    )


def test_a_disagreement_ends_with_1_and_an_empty_fleet_with_3(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "rehearse", str(file), "--set", "fleet.0.devices=0") == 3
    monkeypatch.setattr(Phone, "trusted", lambda self: [])
    assert ran(monkeypatch, "rehearse", str(file)) == 1
    assert "phones/0 at 2026-03-01" in capsys.readouterr().out


def test_an_interrupt_ends_with_130(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Phone, "meet", interrupted)
    assert ran(monkeypatch, "rehearse", str(file)) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_machine_without_loopback_is_told_in_a_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    assert ran(monkeypatch, "rehearse", str(file)) == 2
    assert "127.0.0.1" in capsys.readouterr().err


# --- the planner's own certificate ---------------------------------------------------------------------

PASSWORD = "correct-horse-battery-staple"


def own_certificate(folder: Path) -> rsa.RSAPrivateKey:
    """`own.pem` and its encrypted key `own.key`, valid on the first 15 days of the run; its key."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "own")])
    usage = {"digital_signature", "key_encipherment", "key_cert_sign", "crl_sign"}
    other = {"content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"}
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(datetime(2026, 2, 20, tzinfo=UTC))
        .not_valid_after(datetime(2026, 3, 16, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{name: name in usage for name in usage | other}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mdm.example.com")]), critical=False)
        .sign(key, SHA256())
    )
    (folder / "own.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "own.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    )
    return key


def with_own_certificate(folder: Path, **keys: str) -> sim.Scenario:
    return scenario(
        server={"certificate": {"issuer": "custom", "file": "own.pem", **keys}},
        fleet=[{"name": "iphones", "platform": "ios", "devices": 2, "sync": {"every": "6h", "phase": "0s"}}],
        folder=folder,
    )


def test_the_planners_own_certificate_is_what_is_presented_and_its_key_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = own_certificate(tmp_path)
    fingerprint = x509.load_pem_x509_certificate((tmp_path / "own.pem").read_bytes()).fingerprint(SHA256())
    plan = with_own_certificate(tmp_path, key="own.key", password_env="REHEARSAL_PASSWORD")
    path = tmp_path / "plan.yaml"
    path.write_text(plan.to_yaml(), encoding="utf-8")
    monkeypatch.setenv("REHEARSAL_PASSWORD", PASSWORD)

    rehearsal = sim.rehearse(plan)
    assert rehearsal.agrees
    assert {each.fingerprint for each in rehearsal.played} == {f"sha256:{fingerprint.hex()}"}
    assert set(verdicts_at(rehearsal, 15 * DAY + 1)) == {("refused", "expired")}

    files = sorted(tmp_path.iterdir())
    assert ran(monkeypatch, "rehearse", str(path)) == 0
    assert ran(monkeypatch, "rehearse", str(path), "--json") == 0
    shown = "".join(capsys.readouterr()) + repr(vars(rehearsal))
    certificate = x509.load_pem_x509_certificate((tmp_path / "own.pem").read_bytes())
    assert "Key" not in repr(Credential(certificate, "mdm.example.com:13292", key))
    assert sorted(tmp_path.iterdir()) == files
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    numbers = key.private_numbers()
    secrets = [PASSWORD, *plain.splitlines()[1:-1], str(numbers.p), f"{numbers.d:x}"]
    assert not [secret for secret in secrets if secret in shown]


def test_a_certificate_without_its_key_cannot_be_presented(tmp_path: Path) -> None:
    own_certificate(tmp_path)
    with pytest.raises(sim.ScenarioError, match=r"own\.pem.*no private key.*key:"):
        sim.rehearse(with_own_certificate(tmp_path))


# --- random scenarios ----------------------------------------------------------------------------------


def random_plan(seed: int, folder: Path) -> sim.Scenario:
    return sim.Scenario.from_document(random_scenarios.document(seed, folder), folder=folder)


@pytest.mark.parametrize("seed", [30, 40])
def test_the_rehearsal_of_a_random_scenario_agrees(seed: int, tmp_path: Path) -> None:
    assert sim.rehearse(random_plan(seed, tmp_path), devices=5).agrees


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_the_rehearsal_of_many_random_scenarios_agrees(seed: int, tmp_path: Path) -> None:
    assert sim.rehearse(random_plan(seed, tmp_path), devices=12).agrees
