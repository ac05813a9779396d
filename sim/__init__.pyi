"""The public names, and where each is."""

from sim.lists.forecast import Forecast as Forecast
from sim.lists.inventory import Inventory as Inventory
from sim.notebook.what_if import what_if as what_if
from sim.processes.policy import Policy as Policy
from sim.rehearsal.result import Rehearsal as Rehearsal
from sim.rehearsal.study import rehearse as rehearse
from sim.scenario import Scenario as Scenario
from sim.scenario import ScenarioError as ScenarioError
from sim.scenario import load as load
from sim.studies.choices import Decision as Decision
from sim.studies.compare import Comparison as Comparison
from sim.studies.compare import compare as compare
from sim.studies.curve import Curve as Curve
from sim.studies.curve import curve as curve
from sim.studies.decision import plan as plan
from sim.studies.device_lists import forecast as forecast
from sim.studies.device_lists import inventory as inventory
from sim.studies.exact import Probabilities as Probabilities
from sim.studies.exact import exact as exact
from sim.studies.output import Saved as Saved
from sim.studies.output import read as read
from sim.studies.plots import plot as plot
from sim.studies.run import Result as Result
from sim.studies.run import run as run
from sim.studies.sweep import Sweep as Sweep
from sim.studies.sweep import sweep as sweep
from sim.studies.verify import verify as verify
from sim.studies.why.study import Story as Story
from sim.studies.why.study import why as why

__version__: str
