"""From the tables of a run to decisions: ledger, held-out recipes, quality against cost."""

from stemwise.decision.deciding import Decision, Fitting, decide
from stemwise.decision.recipes import Unclaimed
from stemwise.decision.settings import DecisionSettings

__all__ = ["Decision", "DecisionSettings", "Fitting", "Unclaimed", "decide"]
