"""Every wrong file is refused with its place and its mend, and nothing but ScenarioError ever comes out.

In the table, the mark | stands (and is taken out) where the problem must be reported; the words must be in
the message. BASE fills the first lines, so that a case is only what is wrong. Where the two parsers of PyYAML
(libyaml's and its own) notice at different columns, the place is the line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.scenario import Problem, ScenarioError, load

BASE = "name: n\nstart: 2026-03-01\nduration: 100d\nfleet:\n- name: g\n  devices: 1\n"
HEAD = "name: n\nstart: 2026-03-01\nduration: 100d\n"
SECONDS_AT_MOST = 5.0


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    place: str
    words: tuple[str, ...]


def case(name: str, text: str, *words: str) -> Case:
    before = text.split("|", 1)[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Case(name, text.replace("|", "", 1).encode(), f"{line}:{column}", words)


def top(name: str, text: str, *words: str) -> Case:
    return case(name, BASE + text + "\n", *words)


def at(name: str, content: bytes, place: str, *words: str) -> Case:
    return Case(name, content, place, words)


SYNTAX = [
    at("empty file", b"", "1:1", "empty", "reissue new"),
    at("only a comment", b"# nothing\n", "1:1", "empty"),
    at("only a byte order mark", b"\xef\xbb\xbf", "1:1", "empty"),
    case("a list at the top", "|- name: x\n", "a list is not a scenario", "keys and values"),
    case("a word at the top", "|hello\n", '"hello"', "name: My plan"),
    case("null at the top", "|~\n", "nothing"),
    top("a tab as indentation", "server:\n|\tbehaviour: ksmm-6.0", "tab", "blanks"),
    case("two colons", "name: a|: b\n", "colon", "quote"),
    case("an open list", BASE + "strategy: [\n|", "not closed"),
    case("an open list of words", BASE + "strategy: |[a\n", "not closed"),
    case("an open section", BASE + "server: |{behaviour: ksmm-6.0\n", "not closed"),
    case("an open quote", 'name: |"abc\nstart: 2026-03-01\n', "never closed"),
    case("off indentation", "name: a\n  |start: 2026-03-01\n", "align"),
    case("a line without a colon", "name: a\n|start\nduration: 1d\n", "colon"),
    case("a character that begins nothing", "name: |@home\n", "quotes"),
    at("an unknown escape", b'name: "a\\q"\n', "1", "single quotes"),
    case("a second document", BASE + "|---\nname: other\n", "second document", "one scenario per file"),
    case(
        "a python tag",
        BASE + 'description: |!!python/object/apply:os.system ["true"]\n',
        "!!python",
        "leave it out",
    ),
    case("a python name", BASE + "seed: |!!python/name:os.system x\n", "!!python"),
    case("a binary tag", "name: |!!binary aGk=\n" + BASE[8:], "!!binary", "leave it out"),
    case("a local tag", BASE + "server: |!mine {}\n", "!mine", "leave it out"),
    case("a set tag", BASE + "seed: |!!int 5\n", "!!int"),
    case(
        "a merge key",
        "name: n\nserver: &s {}\nstart: 2026-03-01\nduration: 1d\nfleet:\n- |<<: {name: g}\n  devices: 1\n",
        "merge",
    ),
    case("an alias of nothing", BASE + "server: |*gone\n", "*gone", "above"),
    case("an alias of itself", BASE + "server: &s {certificate: |*s}\n", "*s"),
    case("a list as key", BASE + "? |[a]\n: 1\n", "key"),
    case(
        "an alias as key",
        "name: &n n\n|*n : 1\nstart: 2026-03-01\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "key",
    ),
    at("not UTF-8", BASE.encode() + b"description: caf\xe9\n", "7:17", "0xe9", "UTF-8"),
    at("UTF-16", BASE.encode("utf-16"), "1:1", "UTF-16", "UTF-8"),
    at("a NUL", BASE.encode() + b"description: a\x00b\n", "7:15", "U+0000", "delete"),
    at("a terminal escape", BASE.encode() + b"description: \x1b[2J\n", "7:14", "U+001B", "delete"),
    at("half a surrogate", BASE.encode() + b'description: "\\ud800"\n', "7", "quotes"),
    at("100,000 brackets", b"name: " + b"[" * 100_000, "1:38", "nested", "32"),
    at("100,000 braces", b"fleet: " + b"{a: " * 100_000, "1:132", "nested", "32"),
    at("100,000 dashes", b"- " * 100_000, "1:65", "nested", "32"),
    at("deep indentation", b"".join(b" " * i + b"a:\n" for i in range(200)), "33:33", "nested", "32"),
    at(
        "an alias bomb",
        b"a: &a [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 107)),
        "6:8",  # the first *e of line 6: 1 + 11 + 92 + 821 + 7,382 + 66,431 + 2 + 66,430 values and keys
        "100,000",
        "inventory",
    ),
    at("100,001 values", b"a: [" + b"1," * 100_001 + b"]", "1:199999", "100,000"),
    at("a million digits", BASE.encode() + b"seed: " + b"9" * 1_000_000, "7:7", "1000000 digits", "2^63"),
    at("endless percent signs", b"%" * 1000, "1", "YAML"),
]

KEYS = [
    case("a mistyped required key", "|nmae: n\n" + BASE[8:], "did you mean name?"),
    case("a capital key", "|Name: n\n" + BASE[8:], "did you mean name?"),
    case("a key twice", "name: n\n|name: m\n" + BASE[8:], "line 1, column 1", "keep one"),
    case("a key of a group twice", BASE + "  |devices: 2\n", "line 6, column 3"),
    case("a missing name", "|" + BASE[8:], "name is required", "write name:"),
    case(
        "a missing start",
        "|name: n\nduration: 1d\nfleet:\n- {name: g, devices: 1}\n",
        "start is required: write start: 2026-03-01",
    ),
    case(
        "a missing duration",
        "|name: n\nstart: 2026-03-01\nfleet:\n- {name: g, devices: 1}\n",
        "write duration: 120d",
    ),
    case("a missing fleet", "|" + HEAD, "fleet is required"),
    case("a name without a value", "|name:\n" + BASE[8:], "name is required"),
    top("an unknown key", "|weather: fine", "unknown key", "strategy"),
    top("a dash in a key", "server: {|automatic-reissue: off}", "did you mean automatic_reissue?"),
    top("a key of sync in a group", "  |every: 6h", "every belongs under sync"),
    top("a key of certificate in server", "server: {|expires: day 61}", "belongs under certificate"),
    top("a key of the top in server", "server: {|strategy: []}", "at the top level"),
    top("a number as key", "|7: 8", "unknown key"),
    top("an unknown key without a value", "|wheather:", "unknown key"),
    top(
        "a key in an action without keys",
        "strategy: [{at: day 1, cancel_reserve: {|now: yes}}]",
        "takes no keys",
    ),
    top("a mode for automatic reissue", "server: {automatic_reissue: {|mode: on}}", "lead"),
    top("a mistyped lead", "server: {automatic_reissue: {|laed: 90d}}", "did you mean lead?"),
    top("an outage without length", "server: {outages: [|{from: day 1}]}", "for is required: write for: "),
    top(
        "a mistyped distribution",
        "  presence: {on: {|exponentail: 8h}, off: 8h}",
        "did you mean exponential?",
    ),
    top(
        "a mistyped parameter",
        "  presence: {on: 8h, off: {lognormal: {|medain: 8h, sigma: 1}}}",
        "did you mean median?",
    ),
    top("a missing spell", "  presence: |{on: 8h}", "off is required"),
    top(
        "a mistyped measure key", "guarantees: [{|mesure: lost_devices, at_most: 0}]", "did you mean measure?"
    ),
]

FORMS = [
    top("a text as server", "server: |on", "not a section", "{behaviour: ksmm-6.0"),
    top("a list as server", "server: |[]", "list", "not a section"),
    case("a section as fleet", HEAD + "fleet: |{name: g, devices: 1}\n", "dash"),
    case("a number as fleet", HEAD + "fleet: |12\n", "not a list", "- {name: phones"),
    case("an empty fleet", HEAD + "fleet: |[]\n", "at least one group"),
    case("words as groups", HEAD + "fleet:\n- |phones\n", '"phones"', "{name: phones, devices: 100}"),
    case("an empty item", HEAD + "fleet:\n- {name: g, devices: 1}\n-| \n", "nothing", "not a section"),
    top("a section as strategy", "strategy: |{at: day 1}", "dash"),
    top("a text as a step", "strategy: [|reissue]", "not a section"),
    top(
        "a text as a reissue",
        "strategy: [{at: day 1, reissue: |now}]",
        "not a section",
        "{activate: after 30d}",
    ),
    top("a section as a description", "description: |{a: b}", "not a text"),
    case("a number as a name", "name: |42\n" + BASE[8:], 'put it in quotes, "42"'),
    case("a blank name", 'name: |""\n' + BASE[8:], "blank"),
    case("a name with a line break", 'name: |"a\\nb"\n' + BASE[8:], "one line"),
    case(
        "thousands with a point",
        HEAD + "fleet:\n- name: g\n  devices: |3.000\n",
        "not a whole number",
    ),
    case(
        "thousands of a point",
        HEAD + "fleet:\n- name: g\n  devices: |3000.0\n",
        "3000.0 is not a whole number",
    ),
    top(
        "two years",
        "server: {certificate: {valid_for: |2y}}",
        "not a duration",
    ),
    top("twelve months", "server: {certificate: {valid_for: |12 months}}", "not a duration"),
    top("a German date of expiry", "server: {certificate: {expires: |31.03.2026}}", "2026-03-20"),
    top(
        "a German date that does not exist",
        "server: {certificate: {expires: |31.04.2026}}",
        "2026-03-20",
    ),
    case("ja", HEAD + "fleet: [{name: g, devices: 1, sync: {catch_up: |ja}}]\n", '"ja"', "write yes"),
    case("Nein", HEAD + "fleet: [{name: g, devices: 1, sync: {catch_up: |Nein}}]\n", "write yes or no"),
    case("a name of 300 letters", "name: |" + "x" * 300 + "\n" + BASE[8:], "300 characters", "at most 200"),
    top("a section as a number", "seed: |{a: 1}", "not a whole number"),
    top("a list as a duration", "  sync: {every: |[6h]}", "a list is not a duration"),
    top(
        "a section as an activation",
        "strategy: [{at: day 1, reissue: {activate: |{after: 30d}}}]",
        "a section",
        "after 30d or at expiry",
    ),
    top("a list as an address", "strategy: [{at: day 1, reissue: {address: |[keep]}}]", "{change_to:"),
    top("a list as a share", "  sync: {success: |[1]}", "not a share"),
    top("a list as a recovery", "recovery: |[4]", "not a section", "{technicians: 4}"),
]

NUMBERS = [
    top("a seed in words", "seed: |one", "not a whole number"),
    top("a negative seed", "seed: |-1", "too small", "from 0"),
    top("a seed of 2^63", f"seed: |{2**63}", "too large", str(2**63 - 1)),
    top("a fraction as seed", "seed: |1.5", "not a whole number"),
    top("yes as seed", "seed: |true", "not a whole number"),
    top("replications of 0", "replications: |0", "too small", "from 1"),
    top("replications of a billion", "replications: |1000000000", "too large"),
    top("a whole fraction", "replications: |2.0", "2.0 is not a whole number"),
    top("quoted replications", 'replications: |"20"', "write 20, without quotes"),
    case("separators in devices", HEAD + "fleet: [{name: g, devices: |8_000}]\n", "not a whole number"),
    case("thousands as k", HEAD + "fleet: [{name: g, devices: |8k}]\n", "not a whole number"),
    case("negative devices", HEAD + "fleet: [{name: g, devices: |-5}]\n", "too small", "from 0"),
    case("a billion devices", HEAD + "fleet: [{name: g, devices: |1000000000}]\n", "too large", "100000000"),
    case(
        "devices overflow together",
        HEAD + "fleet: |[{name: a, devices: 99999999}, {name: b, devices: 99999999}]\n",
        "in all",
    ),
    top("NaN as a share", "  sync: {success: |.nan}", "nan is not a share"),
    top("infinity as a bound", "guarantees: [{measure: lost_devices, at_most: |.inf}]", "not possible"),
    top(
        "NaN as a sigma",
        "  presence: {on: 8h, off: {lognormal: {median: 8h, sigma: |.nan}}}",
        "nan is out of range",
    ),
    top("an overflowing number", "guarantees: [{measure: lost_devices, at_most: |1e999}]", "not possible"),
    top("a negative bound", "guarantees: [{measure: lost_devices, at_most: |-1}]", "at least 0"),
    top(
        "a negative sigma",
        "  presence: {on: 8h, off: {lognormal: {median: 8h, sigma: |-1}}}",
        "from 0",
    ),
    top("a huge sigma", "  presence: {on: 8h, off: {lognormal: |{median: 8h, sigma: 50}}}", "write"),
    top("a shape of zero", "  presence: {on: 8h, off: {weibull: {scale: 8h, shape: |0}}}", "above 0"),
    top("a tiny shape", "  presence: {on: 8h, off: {weibull: |{scale: 8h, shape: 0.001}}}", "write"),
    top("no technicians", "recovery: {technicians: |0}", "from 1"),
    top("98 as a share", "  sync: {success: |98}", "write 98%", "0.98"),
    top("101 %", "  sync: {success: |101%}", "0% to at most 100%"),
    top("a negative share", "  sync: {success: |-0.1}", "from 0% to 100%"),
    top("a decimal comma", '  sync: {success: |"99,9%"}', "not a share"),
    top("per cent in words", "  sync: {success: |95 percent}", "98% or 0.98"),
    top(
        "a probability of nothing",
        "guarantees: [{measure: lost_devices, at_most: 0, probability: |0%}]",
        "more than 0%",
    ),
    top(
        "a confidence of certainty",
        "guarantees: [{measure: lost_devices, at_most: 0, probability: 1, confidence: |100%}]",
        "less than 100%",
    ),
    top("a share for a count", "guarantees: [{measure: lost_devices, at_most: |1%}]", "lost_share"),
    top("a count for a share", "guarantees: [{measure: lost_share, at_most: |12}]", "write 12%"),
    top("a number for a time", "guarantees: [{measure: time_to_reconnect, at_most: |14}]", "write 14d"),
    top("a text for a count", "guarantees: [{measure: reinstalls, at_most: |few}]", "write a number"),
]

TIMES = [
    case(
        "a duration without unit",
        "name: n\nstart: 2026-03-01\nduration: |30\nfleet: [{name: g, devices: 1}]\n",
        "write 30d",
    ),
    case(
        "a duration of 0",
        "name: n\nstart: 2026-03-01\nduration: |0s\nfleet: [{name: g, devices: 1}]\n",
        "too short",
        "at least 1s",
    ),
    case(
        "101 years",
        "name: n\nstart: 2026-03-01\nduration: |36900d\nfleet: [{name: g, devices: 1}]\n",
        "36525d",
    ),
    case(
        "an endless duration",
        "name: n\nstart: 2026-03-01\nduration: |999999999999999w\nfleet: [{name: g, devices: 1}]\n",
        "36525d",
    ),
    top("months", "  sync: {every: |P1M}", "P30D"),
    top("a capital M", "  sync: {every: |5M}", "45m"),
    top("a capital unit", "  sync: {every: |6H}", "6h"),
    top("a duration in words", "  sync: {every: |6 hours}", "6h"),
    top("a fraction of an hour", "  sync: {every: |1.5h}", "1h30m"),
    top("a clock as duration", "  sync: {every: |01:30}", "not a duration", "1h30m"),
    top("a negative duration", "  sync: {every: |-6h}", "-6h", "not a duration"),
    top("a period of 0", "  sync: {every: |0s}", "too short", "at least 1s"),
    top("a fractional number as duration", "  sync: {every: |0.5}", "0.5 is not a duration"),
    top("a mistyped phase", "  sync: {phase: |randon}", "random, or even"),
    top("jitter as long as the period", "  sync: {every: 1h, jitter: |1h}", "period of 1h"),
    top("jitter beyond the default period", "  sync: {jitter: |7h}", "period of 6h"),
    top("phase as long as the period", "  sync: {phase: |6h}", "period of 6h"),
    top("a spell of nothing", "  presence: {on: |0s, off: 8h}", "at least 1s"),
    top("a mean of nothing", "  presence: {on: 8h, off: {exponential: |0s}}", "at least 1s"),
    top("ends swapped", "  presence: {on: 8h, off: {uniform: |[2h, 1h]}}", "{uniform: [1h, 2h]}"),
    top("one end", "  presence: {on: 8h, off: {uniform: |[2h]}}", "too short", "[1h, 2h]"),
    top("no sample", "  presence: {on: 8h, off: {empirical: |[]}}", "empirical: [6h, 9h, 2d]"),
    top("a number in a sample", "  presence: {on: 8h, off: {empirical: [6h, |9]}}", "write 9d"),
    top("two kinds", "  presence: {on: 8h, off: |{exponential: 8h, empirical: [3h]}}", "of one kind"),
    case(
        "a year as start",
        "name: n\nstart: |2026\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "2026 is not a date",
        "2026-03-01",
    ),
    case(
        "a day that does not exist",
        "name: n\nstart: |2026-02-30\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "does not exist",
    ),
    case(
        "a thirteenth month",
        "name: n\nstart: |2026-13-01\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "month",
    ),
    case(
        "a German date",
        "name: n\nstart: |01.03.2026\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "2026-03-01",
    ),
    case(
        "an American date",
        "name: n\nstart: |3/1/2026\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "2026-03-01",
    ),
    case(
        "a named time zone",
        "name: n\nstart: |2026-03-01 09:00 CET\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "+02:00",
    ),
    case(
        "an offset of 25 hours",
        "name: n\nstart: |2026-03-01T09:00+25:00\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "not a date",
    ),
    case(
        "the year 9999",
        "name: n\nstart: |9999-12-31\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "9999",
        "2100",
    ),
    case(
        "the year 1",
        "name: n\nstart: |0001-01-01T00:00+05:00\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "does not exist",
    ),
    case(
        "a minute 60",
        "name: n\nstart: |2026-03-01 09:60\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "does not exist",
    ),
    case(
        "half a second",
        "name: n\nstart: |2026-03-01T09:00:00.5Z\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "not a date",
    ),
    case(
        "a relative start",
        "name: n\nstart: |day 3\nduration: 1d\nfleet: [{name: g, devices: 1}]\n",
        "not a date",
    ),
    top("a capital Day", "strategy: [{at: |Day 3, reissue: {}}]", "day 10"),
    top("a bare day number", "strategy: [{at: |3, reissue: {}}]", "day 10"),
    top("a duration as instant", "strategy: [{at: |3d, reissue: {}}]", "start + 10d"),
    top("expires for expiry", "strategy: [{at: |expires - 33d, reissue: {}}]", "expiry - 33d"),
    top("no unit after expiry", "strategy: [{at: |expiry - 33, reissue: {}}]", "write 33d"),
    top("a negative day", "strategy: [{at: |day -3, reissue: {}}]", "not an instant", "day 10"),
    top("the 24th hour", "strategy: [{at: |day 3 24:00, reissue: {}}]", "day 10 08:00"),
    top("a day beyond all years", "strategy: [{at: |day 99999999, reissue: {}}]", "day 10"),
    top("tomorrow", "strategy: [{at: |tomorrow, reissue: {}}]", "not an instant"),
    top(
        "an action before the start",
        "strategy: [{at: |2026-02-01, reissue: {}}]",
        "28d before the start",
        "2026-03-01",
    ),
    top(
        "an action before, counted from expiry",
        "server: {certificate: {expires: day 10}}\nstrategy: [{at: |expiry - 33d, reissue: {}}]",
        "23d before",
        "10d after",
    ),
    top(
        "an outage before the start",
        "server: {outages: [{from: |start - 1h, for: 6h}]}",
        "1h before the start",
    ),
    top(
        "an opening before the start",
        "strategy: [{at: day 1, reissue: {address: {change_to: 'b:1', opens: |2026-01-01}}}]",
        "before the start",
    ),
    top("an outage of nothing", "server: {outages: [{from: day 1, for: |0s}]}", "too short"),
]

CERTIFICATES = [
    top("398 days", "server: {certificate: {valid_for: |398d}}", "397d"),
    top("a certificate of no time", "server: {certificate: {valid_for: |0d}}", "at least 1s"),
    top("a new certificate of 398 days", "strategy: [{at: day 1, reissue: {valid_for: |398d}}]", "397d"),
    top("expired at the start", "server: {certificate: {expires: |2026-02-01}}", "28d before the start"),
    top(
        "not yet valid at the start",
        "server: {certificate: {valid_for: 30d, expires: |day 40}}",
        "10d after the start",
        "start + 30d",
    ),
    top(
        "valid a second too late",
        "server: {certificate: {valid_for: 30d, expires: |day 30 00:00:01}}",
        "begins 1s after the start",
    ),
    top(
        "expiry counted from itself",
        "server: {certificate: {expires: |expiry - 3d}}",
        "from itself",
        "day 61",
    ),
    top("a capital issuer", "server: {certificate: {issuer: |KSC}}", "did you mean ksc?"),
    top("another issuer", "server: {certificate: {issuer: |letsencrypt}}", "ksc or custom"),
    top("a file of ksc", "server: {certificate: {|file: scenario.yaml}}", "issuer: custom"),
    top("a password of ksc", "server: {certificate: {|password_env: PW}}", "issuer: custom"),
    top(
        "a key without a file",
        "server: {certificate: {issuer: custom, |key: scenario.yaml}}",
        "key comes with file",
    ),
    top(
        "a certificate that is not there",
        "server: {certificate: {issuer: custom, file: |gone.p12}}",
        "does not exist",
    ),
    top(
        "a certificate elsewhere",
        "server: {certificate: {issuer: custom, file: |/etc/hostname}}",
        "relative",
    ),
    top(
        "a certificate above",
        "server: {certificate: {issuer: custom, file: |../secret.p12}}",
        "out of the scenario's folder",
    ),
    top(
        "a certificate at home",
        "server: {certificate: {issuer: custom, file: |~/secret.p12}}",
        "relative",
    ),
    top(
        "a certificate on another drive",
        "server: {certificate: {issuer: custom, file: '|C:\\secret.p12'}}".replace("'|", "|'"),
        "relative",
    ),
    top(
        "a password in the file",
        "server: {certificate: {issuer: custom, password_env: |hunter-2!}}",
        "never the password",
    ),
    top("an unknown version", "server: {behaviour: |ksmm-5.0}", "did you mean ksmm-"),
    top("a number as version", "server: {behaviour: |6.0}", "ksmm-6.0"),
    top("a URL as address", "server: {address: |https://mdm.example.com}", "host:port"),
    top("a port of 0", "server: {address: 'mdm:0'}".replace("'mdm", "|'mdm"), "port from 1"),
    top("a port of 99999", "server: {address: 'mdm:99999'}".replace("'mdm", "|'mdm"), "65535"),
    top("an address with blanks", "server: {address: |my server}", "host:port"),
    top("an address without a port", "server: {address: |mdm.example.com}", "host:port"),
    top("a digit as host", "server: {address: |'1:1'}", "no name of a host"),
    top("a host with an empty label", "server: {address: |'a..b:443'}", "no name of a host"),
    top("a label of 64 letters", "server: {address: |'" + 64 * "a" + ".example:443'}", "no name of a host"),
    top("an IPv4 address in brackets", "server: {address: |'[192.0.2.7]:443'}", "no name of a host"),
    top("false for off", "server: {automatic_reissue: |false}", "write default, off"),
    top("a mistyped activation", "server: {activation: |earlyest}", "did you mean earliest?"),
    top(
        "a mistyped immediately",
        "strategy: [{at: day 1, reissue: {activate: |imediately}}]",
        "write immediately",
    ),
    top("a bare activation", "strategy: [{at: day 1, reissue: {activate: |30d}}]", "after 30d"),
    top("an activation without unit", "strategy: [{at: day 1, reissue: {activate: |30}}]", "after 30d"),
    top("after without unit", "strategy: [{at: day 1, reissue: {activate: |after 30}}]", "write 30d"),
    top("a bare expiry", "strategy: [{at: day 1, reissue: {activate: |expiry}}]", "at expiry"),
    top("an address without its key", "strategy: [{at: day 1, reissue: {address: |'new:1'}}]", "{change_to:"),
]

TOGETHER = [
    case("a group name twice", BASE + "- name: |g\n  devices: 2\n", "already taken", "its own"),
    case(
        "neither devices nor inventory",
        HEAD + "fleet:\n- |name: g\n",
        "devices is required",
        "inventory: devices.csv",
    ),
    case(
        "devices and inventory", HEAD + "fleet:\n- name: g\n  |devices: 1\n  inventory: ok.csv\n", "not both"
    ),
    top("columns without inventory", "  |columns: {id: Device}", "an inventory"),
    top("a mistyped platform", "  platform: |andriod", "did you mean android?"),
    top("a mistyped presence", "  presence: |allways", "did you mean always?"),
    top("an unknown presence", "  presence: |sometimes", "write always, never, from list, {on:"),
    top("catch up maybe", "  sync: {catch_up: |maybe}", "yes or no"),
    top("catch up in capitals", "  sync: {catch_up: |YES}", "write yes"),
    top("catch up as 1", "  sync: {catch_up: |1}", "yes or no"),
    top("a step without action", "strategy: [|{at: day 1}]", "needs an action", "restore_previous"),
    top(
        "a step of two actions",
        "strategy: [{at: day 1, reissue: {}, |cancel_reserve: {}}]",
        "a step for each",
    ),
    top("a step without instant", "strategy: [|{reissue: {}}]", "write at: expiry - 33d"),
    top("a mistyped action", "strategy: [{at: day 1, |reisue: {}}]", "did you mean reissue?"),
    top(
        "a mistyped measure",
        "guarantees: [{measure: |lost_device, at_most: 0}]",
        "did you mean lost_devices?",
    ),
    top("no measure", "guarantees: [|{at_most: 0}]", "write measure: lost_devices"),
    top("no bound", "guarantees: [|{measure: lost_devices}]", "at_most: 0"),
    top("two bounds", "guarantees: [{measure: lost_devices, at_most: 1, |at_least: 0}]", "two guarantees"),
    top(
        "an unknown group",
        "guarantees: [{measure: lost_devices, at_most: 0, group: |h}]",
        "no group is called",
        '"g"',
    ),
    top(
        "within, out of place",
        "guarantees: [{measure: lost_devices, at_most: 0, |within: 3d}]",
        "reconnected_share",
    ),
    top(
        "quantile, out of place",
        "guarantees: [{measure: lost_devices, at_most: 0, |quantile: 50%}]",
        "time_to_reconnect",
    ),
    top(
        "confidence alone",
        "guarantees: [{measure: lost_devices, at_most: 0, |confidence: 95%}]",
        "probability: 95%",
    ),
]

GROUP = HEAD + "fleet:\n  - name: phones\n    devices: 3400\n"
PLAN = HEAD + "fleet: [{name: g, devices: 1}]\n"

SLIPS = [
    # what is written is quoted, not what was parsed
    case(
        "a name like a version", BASE.replace("name: n\n", "name: |1.10\n", 1), "the number 1.10 ", '"1.10"'
    ),
    case("a name with zeros", BASE.replace("name: n\n", "name: |007\n", 1), "the number 007 ", '"007"'),
    case("a name like a float", BASE.replace("name: n\n", "name: |25921e05\n", 1), "25921e05 ", '"25921e05"'),
    case("a name in hexadecimal", BASE.replace("name: n\n", "name: |0x1F\n", 1), "0x1F ", '"0x1F"'),
    case(
        "a count with an exponent",
        HEAD + "fleet: [{name: g, devices: |1e3}]\n",
        "the number 1e3 ",
    ),
    # a decimal comma inside braces
    case("a comma in a share", GROUP + "    sync: {every: 6h, success: |98,5%}\n", "98.5%"),
    case(
        "a comma last",
        GROUP + "    presence: {on: 7d, off: {lognormal: {median: 10d, sigma: |1,0}}}\n",
        "1.0",
    ),
    case(
        "a comma before a key",
        GROUP + "    presence: {on: 7d, off: {weibull: {shape: |0,8, scale: 1d}}}\n",
        "0.8",
    ),
    # a forgotten dash
    case("no dash in the strategy", PLAN + "strategy:\n  |at: day 3\n    reissue: {}\n", "- at: day 3"),
    case("no dash in the fleet", HEAD + "fleet:\n  |name: a\n    devices: 1\n  - name: b\n", "- name: a"),
    case("no dash at the second", GROUP + "  |name: ipads\n    devices: 1\n", "dash"),
    case("an action beside its dash", PLAN + "strategy:\n  - at: day 3\n  |reissue: {}\n", "dash", "indent"),
    # a brace that stays open
    case(
        "a brace that stays open",
        HEAD + "fleet:\n  - sync: |{every: 6h\n    name: g\n    devices: 1\n",
        "write }",
    ),
    # no blank after a colon
    case(
        "no blank", HEAD + "fleet:\n  - name: a\n    |devices:3400\n    sync: {every: 6h}\n", "devices: 3400"
    ),
    case("no blank at the end", HEAD + "fleet:\n  - name: a\n    |devices:3400\n", "devices: 3400"),
    case("no blank after a dash", HEAD + "fleet:\n  - |name:a\n    devices: 3400\n", "name: a"),
    case("no blank at the top", "name: n\n|duration:120d\nstart: 2026-03-01\n", "duration: 120d"),
    case("no blank in braces", GROUP + "    sync: {|every:6h}\n", "every: 6h"),
    # a percentage without its sign
    case("98 as a share of syncs", GROUP + "    sync: {success: |98}\n", "98%", "0.98"),
    case("1.5 as a share", GROUP + "    sync: {success: |1.5}\n", "1.5%", "0.015"),
]

CASES = [*SYNTAX, *SLIPS, *KEYS, *FORMS, *NUMBERS, *TIMES, *CERTIFICATES, *TOGETHER]


def problems_of(path: Path) -> tuple[Problem, ...]:
    begun = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert time.process_time() - begun < SECONDS_AT_MOST
    return caught.value.problems


@pytest.mark.parametrize("wrong", [pytest.param(each, id=each.name) for each in CASES])
def test_a_wrong_file_is_refused_with_its_place_and_its_mend(wrong: Case, tmp_path: Path) -> None:
    """In one short printable line."""
    path = tmp_path / "scenario.yaml"
    path.write_bytes(wrong.content)
    (tmp_path / "ok.csv").write_text("id\n1\n")
    problems = problems_of(path)
    told = [str(problem) for problem in problems]
    first = f"{path}:{wrong.place}:"
    assert len(problems) == 1, "one mistake is reported once"
    assert told[0].startswith(first), told
    for word in wrong.words:
        assert word in problems[0].message, told
    assert problems[0].message.isprintable()
    assert len(problems[0].message) <= 330
    assert ": " in problems[0].message, "what is wrong, then what would be right"


def test_the_corpus_is_large_and_its_files_differ() -> None:
    assert len({each.content for each in CASES}) == len(CASES) >= 90
    assert len({each.name for each in CASES}) == len(CASES)


def test_an_empty_fleet_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(HEAD + "fleet: []\n")
    with pytest.raises(ScenarioError) as told:
        load(path)
    (problem,) = told.value.problems
    assert "at least one group" in problem.message
