"""Claims on the store's keys: one holder, waiting for what others make, and the dead hold nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from stemwise.core.errors import OutputError
from stemwise.core.places import place, write_whole
from stemwise.storage.claims import Claim, Claims
from stemwise.storage.estimates import EstimateStore, entry_key
from stemwise.storage.lease import NAME, Pace

KEY = entry_key("audio", "identity", 1)
QUICK = Pace(beat_s=0.05, watch_s=0.4, look_s=0.05, settle_s=0.05)


def put(store, key=KEY):
    signal = np.full((1, 2, 100), 0.5, dtype=np.float32)
    return store.put(key, ("vocals",), [signal], "cpu")


@pytest.mark.parametrize("where", ["local", "remote"])
def test_a_key_has_one_holder_at_a_time(where, tmp_path, request):
    root = tmp_path
    if where == "remote":
        root = place(f"s3://{request.getfixturevalue('bucket')}/store")
    claims = Claims(root, QUICK)
    mine = claims.take(KEY)
    assert mine is not None and claims.take(KEY) is None
    other = claims.take("another")
    assert other is not None
    other.release()
    # somebody who waits has it as soon as it is free, and takes what was made before that
    assert claims.wait(KEY, lambda: "made") == "made"
    threading.Timer(0.3, mine.release).start()
    taken = claims.wait(KEY, lambda: None)
    assert isinstance(taken, Claim)
    taken.release()
    assert not list(tmp_path.glob(".claim*"))


def test_a_killed_holder_holds_nothing(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from stemwise.storage.claims import Claims\n"
        f"held = Claims(Path(sys.argv[1])).take({KEY!r}); print(held is not None, flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "True\n"
        assert Claims(tmp_path).take(KEY) is None
        holder.send_signal(signal.SIGKILL)
        claim = Claims(tmp_path).wait(KEY, lambda: None)
    assert isinstance(claim, Claim)
    claim.release()


def test_a_remote_holder_who_is_not_heard_of_holds_nothing(bucket):
    root = place(f"s3://{bucket}/store")
    lost = {"host": "elsewhere x y", "pid": 1, "id": "other", "beat": 7}
    write_whole(root / ".claims" / KEY / NAME, json.dumps(lost).encode())
    claims = Claims(root, QUICK)
    assert claims.take(KEY) is None
    claim = claims.wait(KEY, lambda: None)
    assert isinstance(claim, Claim)
    claim.release()


def test_what_was_made_meanwhile_is_taken(tmp_path):
    store = EstimateStore(tmp_path / "store")
    mine = store.claim(KEY)
    assert isinstance(mine, Claim)
    assert store.claim(KEY, patient=False) is None
    with store.claimed(KEY, mine):
        entry = put(store)
    assert store.claim(KEY) == entry == store.claim(KEY, patient=False)


def test_what_raises_frees_its_key(tmp_path):
    store = EstimateStore(tmp_path / "store")
    claim = store.claim(KEY)
    assert isinstance(claim, Claim)
    with pytest.raises(ValueError, match="no"), store.claimed(KEY, claim):
        raise ValueError("no")
    again = store.claim(KEY, patient=False)
    assert isinstance(again, Claim)
    again.release()


def test_an_entry_that_others_cannot_see_stays_claimed_until_it_is_encoded(tmp_path):
    """Raw entries of a scratch folder are seen by this machine only."""
    here = EstimateStore(tmp_path / "store", tmp_path / "scratch", raw=True)
    elsewhere = EstimateStore(tmp_path / "store", tmp_path / "other", raw=True)
    claim = here.claim(KEY)
    assert isinstance(claim, Claim)
    with here.claimed(KEY, claim):
        put(here)
    assert elsewhere.claim(KEY, patient=False) is None
    here.settle(KEY)
    until = time.monotonic() + 5
    while (found := elsewhere.claim(KEY, patient=False)) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not isinstance(found, Claim) and found.key == KEY


def test_two_may_encode_one_raw_entry_at_once(tmp_path, monkeypatch):
    one, other = (EstimateStore(tmp_path / "store", raw=True) for _ in range(2))
    put(one)
    encode = one._encode

    def overtaken(entry, folder):
        other.settle(KEY)
        encode(entry, folder)

    monkeypatch.setattr(one, "_encode", overtaken)
    one.settle(KEY)
    entry = one.get(KEY)
    assert entry is not None and entry.raw is None and entry.read("vocals").shape == (2, 100)


def test_runs_that_keep_nothing_do_not_take_each_others_estimates(tmp_path):
    first, second = (EstimateStore(tmp_path, keep=False, owner=f"{name}-") for name in "ab")
    claims = [store.claim(KEY) for store in (first, second)]
    assert all(isinstance(claim, Claim) for claim in claims)
    put(first)
    assert second.get(KEY) is None
    put(second)
    first.settle(KEY)
    entry = second.get(KEY)
    assert first.get(KEY) is None
    assert entry is not None and entry.read("vocals").shape == (2, 100)


def test_a_store_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(OutputError, match=r"estimate store .*store cannot be written"):
        EstimateStore(tmp_path / "store").claim(KEY)
