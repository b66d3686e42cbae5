"""Is an adapter, or any other player, nearer to a musician than the base is? `jamd evaluate`, and `compare` for experiments.

    reference = read_reference([folder], models.style)
    players = {"base": with_adapters(rack, []), "ann": with_adapters(rack, [("ann", 1.0)])}
    print(to_table(compare(players, reference, Options(), style=models.style)))

All players are given the same charts, tempos, parts and seeds. What they play and the recordings are heard by the same ears, at the same
level. How well each measure tells players apart is in docs/evaluation.md; `python -m model.evaluate.personal.validate` finds it anew.
"""

from model.evaluate.personal.compare import Comparison, compare
from model.evaluate.personal.players import Render, plain, with_adapters
from model.evaluate.personal.reference import Reference, read_reference
from model.evaluate.personal.requests import Options
from model.evaluate.personal.table import to_table

__all__ = ["Comparison", "Options", "Reference", "Render", "compare", "plain", "read_reference", "to_table", "with_adapters"]
