"""A simulator: one seed makes up a history of an application, plays it, and compares it with an oracle.

`play(Plan(seed), scenario)` plays one history; `python -m purchase_core.testing.simulate` plays many. See
docs/simulation.md.
"""

from purchase_core.testing.simulation.history import Plan, Played, play
from purchase_core.testing.simulation.scenario import Scenario
from purchase_core.testing.simulation.world import Finding

__all__ = ["Finding", "Plan", "Played", "Scenario", "play"]
