"""Results, scenarios, comparisons and other answers as cards; every text of the planner's is escaped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sim.notebook.card import card, note, points, table
from sim.scenario.durations import format_duration
from sim.studies.decisions import difference_words, recommendation_words, thinned
from sim.studies.sweeps.words import cells, written
from sim.studies.words import answer, groups_and_all, number, observed, promise, promise_of, share

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.studies.compare import Comparison
    from sim.studies.curve import Curve
    from sim.studies.recommendation import Recommendation
    from sim.studies.result import Result
    from sim.studies.stories.why import Story
    from sim.studies.sweeps.sweep import Sweep

MOST_ROWS: Final = 40
_MARKS: Final = {"proved": "✓", "holds": "✓", "fails": "✗"}


def result_card(result: Result) -> str:
    """The answer, the groups and the guarantees."""
    rows = [
        [
            name,
            number(m["devices"]),
            number(m["lost_devices"]),
            share(m["lost_share"]),
            number(m["reconnected_devices"]),
            number(m["still_lost_devices"]),
            share(m["reserve_coverage"]),
        ]
        for name, m in groups_and_all(result)
    ]
    head = ["group", "devices", "lost", "share", "reconnected", "still lost", "held it in time"]
    first = result.scenario.first_replication
    guarantees = (
        f"{_MARKS.get(verdict.verdict, '?')} {verdict.verdict}: {promise(verdict)}: "
        f"{observed(verdict, first_replication=first)}"
        for verdict in result.guarantees
    )
    fails = any(verdict.verdict == "fails" for verdict in result.guarantees)
    loses = bool(result.measures["lost_devices"])
    return card(
        result.scenario.name,
        answer(result),
        table(head, rows, total=len(rows) > 1),
        points(guarantees),
        note(_how_it_was_run(result)),
        tone="bad" if fails or (loses and not result.guarantees) else "good",
    )


def _how_it_was_run(result: Result) -> str:
    runs = f"; means over {result.replications:,} replications" if result.replications > 1 else ""
    return f"seed {result.scenario.seed}{runs}"


def scenario_card(scenario: Scenario) -> str:
    """Who there is, what will be done, what is promised."""
    document = scenario.document
    rows = [
        [
            group.name,
            f"{len(scenario.inventories[number].rows) if group.inventory else group.devices or 0:,}",
            group.platform,
            f"every {format_duration(group.sync.every)}, {100 * group.sync.success:.6g} % succeed",
            _short(written(document["fleet"][number].get("presence", "always"))),
        ]
        for number, group in enumerate(scenario.fleet)
    ]
    steps = [_step(step) for step in document.get("strategy", ())]
    promises = [f"promise: {promise_of(guarantee)}" for guarantee in scenario.guarantees]
    end = scenario.start + timedelta(seconds=scenario.duration)
    return card(
        scenario.name,
        f"{scenario.start:%Y-%m-%d} to {end:%Y-%m-%d} ({format_duration(scenario.duration)})",
        *([note(_short(scenario.description, 400))] if scenario.description else []),
        table(["group", "devices", "platform", "synchronizes", "is on"], rows),
        points([*steps, *promises]),
    )


def _step(step: dict[str, Any]) -> str:
    doing = ", ".join(
        f"{key.replace('_', ' ')} {_short(written(value))}" if value else key.replace("_", " ")
        for key, value in step.items()
        if key != "at"
    )
    return f"at {step['at']}: {doing}"


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def comparison_card(comparison: Comparison) -> str:
    """The strategies in the order given, and how they differ."""
    results = comparison.results
    rows = [
        [
            name,
            number(result.measures["lost_devices"]),
            share(result.measures["lost_share"]),
            number(result.measures["still_lost_devices"]),
            number(round(result.measures["device_days_lost"] or 0, 1)),
            number(result.measures["reinstalls"]),
        ]
        for name, result in zip(comparison.names, results, strict=True)
    ]
    best = comparison.ranking[0]
    devices = number(results[0].measures["devices"])
    told = [difference_words(each) for each in comparison.differences if each.measure == "lost_devices"]
    return card(
        f"{len(results)} strategies, the same {devices} devices, the same days",
        f"Fewest devices lost: {' and '.join(best)}.",
        table(["strategy", "lost", "share", "still lost", "days lost", "reinstalls"], rows),
        points(told[:MOST_ROWS]),
    )


def curve_card(curve: Curve) -> str:
    """A few rows of a curve."""
    rows = thinned(curve.table.to_dict(orient="records"), 12)
    has_band = bool(rows) and "low" in rows[0]
    body = [
        [
            f"{row['delay_days']:g}",
            number(row["lost_devices"]),
            *([f"{number(row['low'])} to {number(row['high'])}"] if has_band else []),
            share(row["lost_share"]),
        ]
        for row in rows
    ]
    band = ["9 of 10 runs"] if has_band else []
    return card(
        f"{curve.scenario.name}: lost devices by activation delay",
        curve.answer,
        table(["delay (days)", "lost", *band, "share"], body, texts=0),
    )


def recommendation_card(found: Recommendation) -> str:
    """The answer, and how it moves."""
    first, *others = recommendation_words(found)
    rows = [
        [each.assumption, "none is enough" if each.delay_days is None else f"{each.delay_days:,}"]
        for each in found.variants
    ]
    return card(
        found.scenario.name,
        first,
        *(note(sentence) for sentence in others),
        table(["if", "days needed"], rows) if rows else "",
        tone="bad" if found.delay_days is None else "good",
    )


def sweep_card(sweep: Sweep) -> str:
    """Its first points."""
    titles, *rows = cells(sweep)
    more = len(rows) - MOST_ROWS
    rest = [note(f"and {more:,} more points, all of them in .table")] if more > 0 else []
    return card(
        sweep.scenario.name,
        sweep.answer,
        table(titles, rows[:MOST_ROWS], texts=0),
        *rest,
    )


def story_card(story: Story) -> str:
    """What became of one device, in order, and what would have saved it."""
    rows = [[f"{story.at(each.at_s):%Y-%m-%d %H:%M:%S}", each.text] for each in story.entries]
    told = story.closing
    return card(
        f"{story.scenario.name}: {story.device}",
        story.introduction,
        table(["when (UTC)", "what"], rows, texts=2),
        *([note(told[0]), points(told[1:])] if told else []),
        tone="bad" if story.is_lost else "good",
    )
