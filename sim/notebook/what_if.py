"""`sim.what_if`: a panel of sliders beside a scenario, for Jupyter."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.studies.options import checked

if TYPE_CHECKING:
    from sim.notebook.panel import Panel
    from sim.scenario.scenario import Scenario


@checked
def what_if(scenario: Scenario, *, reissue: int | None = None, up_to_days: int = 60) -> Panel:
    """A panel that answers how many devices lose the server, while delay and habits are moved.

    The delay is answered from one run for all delays (model 9.1); every other control runs again. Both give
    the numbers of `sim.run`, of the losses at this activation.

    Args:
        scenario: where it begins; a reissue at the start is added where there is none.
        reissue: index in the strategy of the reissue that is meant, where there are several.
        up_to_days: longest delay of the slider; no delay lasts beyond the expiry of the main certificate.

    Raises:
        CurveError: there is no such reissue, or one run does not tell all delays.
        ScenarioError: the scenario cannot be run.
        InputError: `up_to_days` is not a number of days, or ipywidgets is not installed.
    """
    if up_to_days < 1:
        raise InputError(f"up_to_days is a number of days from 1 on, not {up_to_days}")
    if find_spec("ipywidgets") is None:
        raise InputError(
            'the what-if panel needs ipywidgets: install the extra, python -m pip install -e ".[notebook]"'
        )
    from sim.notebook.panel import Panel

    return Panel(scenario, reissue=reissue, up_to_days=up_to_days)
