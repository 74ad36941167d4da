"""Tables of a run from rows, as tests write them."""

from __future__ import annotations

from stemwise.decision.results import BLOCKS, SMALL, Content
from stemwise.selection.stem_blocks import stem_blocks
from stemwise.storage import tables
from stemwise.storage.batches import Batches

LISTS = ("gram", "bss_projection", "bss_remainder", "si_interference", "si_artifacts")


def frame(name, rows):
    return tables.frame(tables.to_table(name, rows))


def batches(rows):
    return Batches(BLOCKS, table=tables.to_table(BLOCKS, rows))


def blocks_of(rows, columns=LISTS):
    """Return what visitors see of rows of `measurements`."""
    return [found for batch in batches(rows).read() for found in stem_blocks(batch, columns)]


def content(rows):
    frames = {name: frame(name, rows.get(name, ())) for name in SMALL}
    return Content(**frames, measurements=batches(rows.get(BLOCKS, ())))
