"""The figures of a record, with what they show in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from sim.report import courses, delays, lives, strips
from sim.report.decision import unit_of
from sim.report.record import Delays, Record
from sim.report.scenes import DelayCurve
from sim.report.style import svg_bytes
from sim.text import number
from sim.text import rounded as span_words


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure.

    Attributes:
        name: of its file and of its method in `result.plot`.
        title: above it.
        words: what it shows, for who does not see it.
        figure: as matplotlib has it.
    """

    name: str
    title: str
    words: str
    figure: Figure


def drawings_of(record: Record) -> Iterator[Drawing]:
    """The figures that apply to a record, in the order in which a page tells them."""
    scene, course = record.scene, record.course
    if record.delays is not None and record.delays.delays_s:
        told = record.delays
        yield Drawing("curve", "Lost devices by activation delay", _curve_words(told), curve_of(record, told))
    if (course.holding >= 0).any() or course.switches:
        words = "; ".join(
            f"{held:,} of {record.devices:,} devices hold it when it becomes main on {scene.told(at_s)}"
            for at_s, held in course.switches[:3]
        )
        yield Drawing(
            "delivery",
            "How the reserve reaches the devices",
            "Share of devices that hold the waiting reserve, over the dates. "
            f"{words or 'It does not become main'}.",
            courses.delivery(scene, course),
        )
    yield Drawing(
        "devices",
        "Connected, lost and reconnected devices",
        f"Devices over the dates. At most {int(course.lost.max(initial=0)):,} are lost at a time; "
        f"{int(course.reconnected[-1]) if len(course.reconnected) else 0:,} have come back by the end.",
        courses.devices(scene, course),
    )
    yield Drawing(
        "certificates",
        "The life of the certificates",
        f"A band for each of {len(record.lives)} certificates: waiting as reserve, then main. "
        + "; ".join(f"{e.event} {scene.told(e.at_s)}" for e in record.events[:6] if e.certificate)
        + ".",
        lives.certificates(scene, record.lives),
    )
    if record.technicians is not None and int(course.queue.max(initial=0)):
        yield Drawing(
            "queue",
            "The help desk's queue",
            f"Devices that wait for one of {record.technicians:,} technicians: at most "
            f"{int(course.queue.max()):,} at a time.",
            courses.queue(scene, course, record.technicians),
        )
    yield Drawing(
        "syncs",
        "Synchronizations: the server's load",
        "Synchronizations per hour over the dates, at most "
        f"{float(course.syncs_per_hour.max(initial=0)):,.0f}.",
        courses.syncs(scene, course, record.outages_s),
    )
    if record.strips:
        named = ", ".join(strip.device for strip in record.strips)
        yield Drawing(
            "stories",
            "What happened to some devices",
            f"A strip for each of {named}: on and off, synchronizations, the reserve, lost and back.",
            strips.stories(scene, record.strips),
        )


def curve_of(record: Record, told: Delays) -> Figure:
    """Lost devices by delay, with the scenario's own delay and the one that its promises need."""
    needed = [need.needed_s for need in told.needs]
    unit_s = unit_of(told)
    longest_s = None if None in needed else max(s for s in needed if s is not None)
    return delays.curve(
        DelayCurve(
            name=record.name,
            delays_s=np.array(told.delays_s, dtype=np.int64),
            lost=np.array(told.lost),
            low=np.array(told.low) if told.low else None,
            high=np.array(told.high) if told.high else None,
            devices=record.devices,
            own_s=told.own_s,
            advised_s=None if longest_s is None else max(unit_s, -(-longest_s // unit_s) * unit_s),
        )
    )


def _curve_words(told: Delays) -> str:
    first, last = told.delays_s[0], told.delays_s[-1]
    return (
        f"A delay of {span_words(first)} loses {number(told.lost[0])} devices, one of "
        f"{span_words(last)} loses {number(told.lost[-1])}; the numbers between are under the slider."
    )


def inline_svg(drawing: Drawing) -> str:
    """The figure as an element of a page, without a background, a size or a style sheet of its own."""
    text = svg_bytes(drawing.figure, name=drawing.name, transparent=True).decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return re.sub(r"\n\s*", "\n", text)
