"""Files, dictionaries, overrides and changes give the same checked scenarios (language 1, 2, 3)."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario import Scenario, ScenarioError, load
from sim.scenario.authoring import TEMPLATES, template_files, template_text
from sim.scenario.schema import Lead

DAY_S = 86_400
PAGE = """\
name: Delayed activation, 30 days           # required
description: free text
start: 2026-03-01                           # required; date or date-time, UTC
duration: 120d                              # required
seed: 1

server:
  behaviour: ksmm-6.0                       # ksmm-6.0 (default) | ksmm-4.1
  address: mdm.example.com:13292
  certificate:                              # the main certificate at start
    issuer: custom                          # ksc (default) | custom
    expires: day 61                         # an instant; default: start + 397d
    valid_for: 397d                         # at most 397d
    file: certs/mobile.p12
    key: certs/mobile.key
    password_env: MOBILE_P12_PASSWORD
  automatic_reissue: default                # default (by behaviour and issuer) | off | {lead: 90d}
  activation: earliest
  outages:
    - {from: day 20 08:00, for: 6h}

fleet:                                      # required; a list of groups
  - name: office phones                     # required, unique
    devices: 8000                           # required, unless inventory
    platform: android                       # android (default) | ios
    sync:
      every: 6h                             # default 6h
      phase: random                         # random (default) | even | a duration
      jitter: 0s
      success: 100%
      catch_up: yes
    presence: always                        # always (default) | never | {on: DIST, off: DIST}
  - name: field tablets
    devices: 2000
    sync: {every: 1d, jitter: 30m, success: 95%}
    presence:
      on:  {exponential: 16h}               # mean
      off: {lognormal: {median: 8h, sigma: 1.1}}
  - name: registered devices
    inventory: devices.csv                  # one row a device, see 1.2

strategy:                                   # what the administrator does, and when
  - at: expiry - 33d
    reissue:
      activate: after 30d                   # immediately | after DURATION | at expiry
      issuer: ksc
      valid_for: 397d
      address: {change_to: new.example.com:13292, opens: day 50, old_address_stays: 7d}
  - at: day 40
    cancel_reserve: {}
  - at: day 41
    restore_previous: {}

recovery:                                   # default: none
  technicians: 4
  begins: 4h
  owner_responds: {exponential: 2d}
  takes: {lognormal: {median: 20m, sigma: 0.5}}

guarantees:
  - {measure: lost_devices, at_most: 0}
  - {measure: reserve_coverage, at_least: 99.9%, group: office phones}
  - {measure: reconnected_share, within: 14d, at_least: 99%}
  - {measure: lost_devices, at_most: 20, probability: 95%, confidence: 99%}

replications: 1
"""
MINIMAL: dict[str, Any] = {
    "name": "n",
    "start": "2026-03-01",
    "duration": "120d",
    "fleet": [{"name": "g", "devices": 1}],
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "mobile.p12").write_bytes(b"x")
    (tmp_path / "certs" / "mobile.key").write_bytes(b"x")
    (tmp_path / "devices.csv").write_text("id\n1\n2\n")
    path = tmp_path / "page.yaml"
    path.write_text(PAGE)
    return path


def without_file(path: Path) -> Path:
    lines = [
        line for line in PAGE.splitlines() if not line.strip().startswith(("file:", "key:", "password_env:"))
    ]
    path.write_text("\n".join(lines))
    return path


def problems_of(document: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_document({**document, **more})
    return [str(problem) for problem in caught.value.problems]


def test_the_example_of_the_language_page_is_read(page: Path) -> None:
    scenario = load(page)
    assert scenario.name == "Delayed activation, 30 days"
    assert [group.name for group in scenario.fleet] == [
        "office phones",
        "field tablets",
        "registered devices",
    ]
    assert scenario.inventories[2].devices.ids == ("1", "2")
    assert scenario.source is not None
    assert (scenario.source.path, scenario.source.text) == (page, PAGE.encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_line_ends_of_windows_do_not_matter(
    tmp_path: Path, encoding: str, end: str
) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(
        "name: é\nstart: 2026-03-01\nduration: 1d\nfleet:\n- {name: g, devices: x}\n".replace(
            "\n", end
        ).encode(encoding)
    )
    with pytest.raises(ScenarioError, match=r"s\.yaml:5:22: fleet\.0\.devices") as caught:
        load(path)
    assert len(caught.value.problems) == 1


def test_the_line_of_a_value_is_that_of_the_nearest_thing_written(page: Path) -> None:
    scenario = load(page)
    assert scenario.line_of("name") == 1
    assert scenario.line_of("strategy.0.reissue.activate") == 45
    assert scenario.line_of("fleet.1.presence.off.lognormal.sigma") == 38
    assert scenario.line_of("fleet.0.columns") == 23
    assert scenario.line_of("strategy.7") == 43
    assert Scenario.from_document(MINIMAL).line_of("fleet.0") is None


def test_a_file_that_holds_the_validity_is_not_guessed(page: Path) -> None:
    scenario = load(page)
    with pytest.raises(LookupError, match=r"certs/mobile\.p12"):
        _ = scenario.expiry_s
    told = scenario.with_validity(
        not_before=datetime(2026, 1, 1, tzinfo=UTC), not_after=datetime(2026, 5, 1, tzinfo=UTC)
    )
    assert told.validity_s == (-59 * DAY_S, 61 * DAY_S)
    assert told.instant(told.strategy[0].at) == 28 * DAY_S
    assert told.changed({"seed": 2}).expiry_s == 61 * DAY_S


def test_an_instant_counted_from_a_validity_told_later_is_checked_then(page: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(page).with_validity(
            not_before=datetime(2026, 1, 1, tzinfo=UTC), not_after=datetime(2026, 3, 11, tzinfo=UTC)
        )
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (43, "strategy.0.at")
    with pytest.raises(
        ScenarioError, match=r"page\.yaml:14:11: server\.certificate\.file: .*before the start"
    ):
        load(page).with_validity(
            not_before=datetime(2025, 1, 1, tzinfo=UTC), not_after=datetime(2026, 2, 1, tzinfo=UTC)
        )


def test_a_document_gives_the_scenario_of_the_file(page: Path) -> None:
    scenario = load(page)
    again = Scenario.from_document(scenario.document, folder=page.parent)
    assert again == scenario
    assert again.source is None
    assert again.changed({"seed": 5}) != scenario


def test_the_document_is_a_copy_in_the_form_of_the_language(page: Path) -> None:
    scenario = load(page)
    document = scenario.document
    assert document["fleet"][1]["presence"]["off"] == {"lognormal": {"median": "8h", "sigma": 1.1}}
    assert document["fleet"][0]["sync"]["success"] == "100%"
    document["fleet"][0]["devices"] = 3
    assert scenario.document["fleet"][0]["devices"] == 8000


def test_yaml_written_reads_back_equal(page: Path) -> None:
    scenario = load(page)
    other = page.with_name("other.yaml")
    other.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load(other) == scenario
    assert load(other).document == scenario.document
    assert load(other).to_yaml() == scenario.to_yaml()


TEXTS = st.one_of(
    st.sampled_from(
        [
            "yes",
            "no",
            "on",
            "null",
            "~",
            "1e3",
            "0o17",
            "0x1F",
            ".5",
            "010",
            "1_000",
            "12:30:45",
            "=",
            "<<",
            "a: b",
            "# c",
            "- d",
            "[",
            "9" * 50,
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=40),
)


@given(
    description=TEXTS, seed=st.integers(0, 2**63 - 1), success=st.floats(0, 1), devices=st.integers(0, 10**8)
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_and_number_survives_being_written(
    description: str, seed: int, success: float, devices: int
) -> None:
    group = {"name": "g", "devices": devices, "sync": {"success": success}}
    scenario = Scenario.from_document({**MINIMAL, "description": description, "seed": seed, "fleet": [group]})
    from sim.scenario.yaml_text import read_tree

    assert Scenario.from_document(read_tree(scenario.to_yaml(), file="f").value) == scenario


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_scenario(name: str, tmp_path: Path) -> None:
    for file, content in template_files(name).items():
        (tmp_path / file).write_text(content)
    path = tmp_path / "s.yaml"
    path.write_text(template_text(name))
    assert load(path).fleet


def test_a_mistyped_template_is_mended() -> None:
    with pytest.raises(ValueError, match="did you mean delayed"):
        template_text("delayd")
    with pytest.raises(ValueError, match="there are delayed, immediate"):
        template_text("x")


@pytest.mark.parametrize(
    ("key", "value", "path", "expected"),
    [
        ("fleet.0.devices", "10", ("fleet", 0, "devices"), 10),
        (
            "fleet.1.presence.off.lognormal.sigma",
            "2",
            ("fleet", 1, "presence", "off", "lognormal", "sigma"),
            2,
        ),
        ("strategy.0.reissue.activate", "after 1d", ("strategy", 0, "reissue", "activate"), "after 1d"),
        ("strategy.0.at", "expiry - 40d", ("strategy", 0, "at"), "expiry - 40d"),
        ("fleet.1.presence", "{on: 8h, off: 16h}", ("fleet", 1, "presence"), {"on": "8h", "off": "16h"}),
        ("fleet.0.sync.catch_up", "no", ("fleet", 0, "sync", "catch_up"), "no"),
        ("name", '"42"', ("name",), "42"),
        ("guarantees", "[]", ("guarantees",), []),
        ("recovery", "", ("recovery",), None),
        ("recovery", "~", ("recovery",), None),
        ("fleet.2.platform", "ios", ("fleet", 2, "platform"), "ios"),
    ],
)
def test_an_override_is_written_over_the_file(
    page: Path, key: str, value: str, path: tuple[str | int, ...], expected: object
) -> None:
    without_file(page)
    scenario = load(page, overrides=[(key, value)])
    found: Any = scenario.document
    for step in path:
        found = found[step]
    assert found == expected
    assert scenario.source is not None
    assert scenario.source.overrides == ((key, value),)


def test_an_override_makes_the_sections_on_its_way(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(template_text("minimal"))
    scenario = load(
        path, overrides=[("server.certificate.expires", "day 40"), ("server.automatic_reissue.lead", "9d")]
    )
    assert scenario.expiry_s == 40 * DAY_S
    assert scenario.server.automatic_reissue == Lead(lead="9d")


def test_the_last_of_two_overrides_holds(page: Path) -> None:
    without_file(page)
    assert load(page, overrides=[("seed", "2"), ("seed", "3")]).seed == 3


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fleet.0.devices", "many", "not a whole number"),
        ("fleet.0.evry", "6h", "unknown key"),
        ("servr.behaviour", "ksmm-4.1", "did you mean server?"),
        ("fleet.9.devices", "1", "its items are 0 to 2"),
        ("fleet.field tablet.devices", "1", "did you mean field tablets?"),
        ("fleet.0.presence.on", "8h", 'fleet.0.presence is "always" and holds no on'),
        ("name.x", "1", "set the whole of name"),
        ("", "1", "is no key"),
        ("fleet..devices", "1", "is no key"),
        ("seed", "[1", "not closed"),
        ("seed", "!!python/name:x y", "!!python"),
        ("seed", "&a [*a]", "*a"),
        ("start", "2026-02-30", "does not exist"),
        ("strategy.0.at", "start - 1d", "before the start"),
        ("fleet.0.sync.jitter", "7h", "not shorter than the period of 6h"),
        ("fleet.1.name", "office phones", "already taken"),
    ],
)
def test_a_wrong_override_names_itself(page: Path, key: str, value: str, message: str) -> None:
    without_file(page)
    with pytest.raises(ScenarioError) as caught:
        load(page, overrides=[(key, value)])
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == (f"--set {key}={value}", None, None)
    assert message in problem.message, problem
    assert problem.key.startswith(key.split(".")[0])


def test_an_override_may_mend_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(template_text("minimal").replace("120d", "120"))
    assert load(path, overrides=[("duration", "120d")]).duration == 120 * DAY_S


def test_a_change_is_checked_and_leaves_the_first_scenario_alone(page: Path) -> None:
    scenario = load(page)
    changed = scenario.changed({"fleet.0.devices": 10, "strategy": [], "duration": timedelta(days=3)})
    assert (changed.fleet[0].devices, changed.strategy, changed.duration) == (10, (), 3 * DAY_S)
    assert (scenario.fleet[0].devices, scenario.duration) == (8000, 120 * DAY_S)
    assert changed.inventories[2] is scenario.inventories[2], "a file is not read again for nothing"
    with pytest.raises(ScenarioError, match=r"^changed\(fleet\.0\.devices\): fleet\.0\.devices: .*too small"):
        scenario.changed({"fleet.0.devices": -1})
    with pytest.raises(ScenarioError, match="its items are 0 to 2"):
        scenario.changed({"fleet.5.devices": 1})
    with pytest.raises(ScenarioError, match="office phones"):
        scenario.changed({"fleet.0.name": "desks"})


def test_a_document_may_hold_the_values_of_python() -> None:
    scenario = Scenario.from_document(
        {
            "name": "n",
            "start": date(2026, 3, 1),
            "duration": timedelta(days=120),
            "fleet": (
                {
                    "name": "g",
                    "devices": np.int64(7),
                    "sync": {"success": np.float64(0.5), "catch_up": np.bool_(False)},
                },
            ),
            "strategy": [{"at": datetime(2026, 4, 1, tzinfo=UTC), "reissue": {}}],
        }
    )
    assert (scenario.duration, scenario.fleet[0].devices) == (120 * DAY_S, 7)
    assert (scenario.fleet[0].sync.success, scenario.fleet[0].sync.catch_up) == (0.5, False)
    assert scenario.instant(scenario.strategy[0].at) == 31 * DAY_S


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": object()}, "<document>: name: a object has no place"),
        ({"duration": 10**400}, "<document>: duration: a number of more than 25 digits has no place"),
        ({"seed": -(10**5000)}, "<document>: seed: a number of more than 25 digits has no place"),
        ({"fleet": {1, 2}}, "<document>: fleet: a set has no place"),
        ({1: 2}, "is no key"),
        ({"description": "\ud800"}, "surrogate"),
        ({"duration": timedelta(days=-1)}, '"-86400.0s" is not a duration'),
        ({"duration": 30}, "write 30d"),
        ({"seed": float("nan")}, "not a whole number"),
    ],
)
def test_a_wrong_document_is_refused(more: dict[Any, Any], message: str) -> None:
    assert message in problems_of({**MINIMAL, **more})[0]


def test_a_document_that_holds_itself_is_refused() -> None:
    document = copy.deepcopy(MINIMAL)
    document["fleet"].append(document)
    with pytest.raises(ScenarioError, match="32 deep"):
        Scenario.from_document(document)


def test_a_scenario_can_be_sent_to_another_process(page: Path) -> None:
    scenario = load(page)
    again = pickle.loads(pickle.dumps(scenario))
    assert again == scenario
    assert again.changed({"seed": 7}).seed == 7
    assert hash(again) == hash(scenario)


def test_another_content_of_an_inventory_is_another_scenario(page: Path) -> None:
    before = load(page)
    (page.parent / "devices.csv").write_text("id\n1\n3\n")
    assert load(page) != before


def test_reading_needs_no_heavy_library() -> None:
    heavy = "pandas scipy matplotlib simpy cryptography pyarrow numba dask"
    code = f"import sys, sim.scenario; print(*(each for each in {heavy.split()!r} if each in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
