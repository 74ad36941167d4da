"""Songs that end the process that works on them, or hang: faults by the length of the song.

`install` writes a `sitecustomize.py`: whatever Python finds it at its start (the song processes inherit
the path) does to a song of so many seconds what the table says.
"""

from __future__ import annotations

import json
from pathlib import Path

_CODE = """
import sys
if any("song_child" in argument for argument in sys.orig_argv):
    import json, os, signal, time
    from stemwise.separation.separator import Separator
    FAULTS = {int(k): v for k, v in json.loads(%r).items()}
    whole = Separator.stream

    def stream(self, mixture, *more, **named):
        fault = FAULTS.get(mixture.shape[1])
        if fault == "hang":
            time.sleep(1000)
        if fault == "exit":
            os._exit(7)
        if fault is not None and fault.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, fault))
        return whole(self, mixture, *more, **named)

    Separator.stream = stream
    if "missing" in FAULTS.values():
        from stemwise.core.errors import MissingDependencyError
        from stemwise.evaluation import level

        def absent(*_):
            raise MissingDependencyError("museval is not installed")

        level.load_engine = absent
"""


def install(folder: Path, faults: dict[float, str]) -> Path:
    """Write the file for faults by seconds of audio and return its folder, to be put on the path."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = json.dumps({round(44_100 * seconds): fault for seconds, fault in faults.items()})
    (folder / "sitecustomize.py").write_text(_CODE % samples)
    return folder
