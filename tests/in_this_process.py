"""The songs of a run, one after another in this process, for tests of what a job does around them.

Starting Ray's workers and the processes of songs takes ten seconds of CPU for a run of two songs.
`jobs/test_evaluate_on_ray.py` shows that Ray's way gives the same tables.
"""

from __future__ import annotations

from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.passes import known_before
from stemwise.evaluation.work import Work
from stemwise.storage import parts


def run(work: Work, cluster: ClusterSettings, *_: object) -> None:
    """Evaluate all tracks of `work` and store each as a part, as `pipeline.run` does."""
    evaluate = work.evaluator(loaded=work.stage != "measure", batch_size=cluster.batch_size)
    for track in work.tracks:
        result = evaluate(track, known_before(work, track))
        fingerprint = work.fingerprints[track.track_id]
        counts = (result.failures, result.made, result.found)
        part = parts.encode(result.tables, fingerprint, *counts)
        parts.write(work.parts, track.track_id, part)
