"""Figures: functions that draw plain values with matplotlib; they know no study."""

from sim.errors import InputError


class FigureError(InputError):
    """There is nothing to draw; the message says why."""
