"""`precision=auto`: the fastest that agrees with float32, decided once, and by one for all."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from stemwise.separation.device.auto_precision import Decision, Trial, agreement, decide
from stemwise.separation.device.decisions import Decisions
from stemwise.separation.separator import Separator

REFERENCE = torch.ones(1, 2, 2, 100)


def noise(length=3000, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (2, length)).astype(np.float32)


def chosen(milliseconds, errors):
    """Return the decision among precisions of these times, with these relative errors."""
    made = {name: REFERENCE * (1 + error) for name, error in errors.items()}
    told = iter(milliseconds)
    return decide(made.__getitem__, errors, slice(0, 50), lambda work: (work(), next(told)))


def test_it_is_the_fastest_of_those_that_agree_to_60_db():
    errors = {"fp32": 0, "tf32": 1e-4, "bf16": 2e-3, "fp16": 9.9e-4}
    found = chosen([10, 5, 1, 2], errors)
    assert found.precision == "fp16"
    assert [trial.milliseconds for trial in found.trials] == [10, 5, 1, 2]
    expected = [math.inf, 80.0, -20 * math.log10(2e-3), -20 * math.log10(9.9e-4)]
    assert [t.agreement_db for t in found.trials] == pytest.approx(expected, abs=0.01)
    assert chosen([10, 5, 1, 6], errors).precision == "tf32"
    # a little faster may be noise
    assert chosen([10, 9.6, 1, 9.7], errors).precision == "fp32"


def test_what_overflows_never_agrees():
    found = chosen([10, 1], {"fp32": 0, "fp16": math.inf})
    assert found.precision == "fp32" and found.trials[1].agreement_db is None


def test_only_kept_samples_count():
    made = {"fp32": REFERENCE, "bf16": REFERENCE.clone()}
    made["bf16"][..., 50:] = 7
    told = iter([10, 1])
    found = decide(made.__getitem__, made, slice(0, 50), lambda work: (work(), next(told)))
    assert found.precision == "bf16" and found.trials[1].agreement_db == math.inf


def test_agreement_is_the_snr():
    zeros = torch.zeros(4)
    assert agreement(torch.ones(4), torch.full((4,), 0.9)) == pytest.approx(20, abs=1e-4)
    assert agreement(zeros, zeros) == math.inf and agreement(zeros, torch.ones(4)) == -math.inf


class Seen:
    """A model of products that remembers on how much sound, and in which precision."""

    def __init__(self):
        self.calls = []

    def __call__(self, chunks):
        made = chunks @ torch.eye(chunks.shape[-1])
        self.calls.append((made.dtype, float(chunks.abs().max())))
        return torch.stack([made, made], dim=1)


def test_the_first_track_with_sound_decides_once(fake, gpu):
    seen = Seen()
    separator = Separator(fake(seen), "cpu", 2, gpu=gpu(10.0, 1.0))
    separator(np.zeros((2, 3000), np.float32))
    assert separator.precision == "fp32" and not separator.settled
    mixture = noise()
    mixture[:, :1500] = 0
    seen.calls.clear()
    separator.settle(mixture)
    # bf16 of noise agrees to 51 dB
    assert separator.settled and separator.precision == "fp32"
    assert {kind for kind, _ in seen.calls} == {torch.float32, torch.bfloat16}
    assert all(level > 0.1 for _, level in seen.calls)
    seen.calls.clear()
    separator(noise(seed=1))
    assert {kind for kind, _ in seen.calls} == {torch.float32}


def test_from_then_on_passes_run_in_it(fake, gpu, monkeypatch):
    monkeypatch.setattr("stemwise.separation.device.auto_precision.AGREEMENT_DB", 30.0)
    seen = Seen()
    separator = Separator(fake(seen), "cpu", 2, gpu=gpu(10.0, 1.0))
    assert separator.precision == "fp32"
    found = separator(noise())
    assert separator.precision == "bf16" and found.dtype == torch.float32
    kinds = [kind for kind, _ in seen.calls]
    assert kinds[:2] == [torch.float32, torch.bfloat16] and set(kinds[2:]) == {torch.bfloat16}


def test_a_precision_that_was_asked_for_is_not_tried(fake, gpu):
    separator = Separator(fake(Seen()), "cpu", 2, precision="bf16", gpu=gpu())
    assert separator.settled and separator.precision == "bf16"


def test_a_pass_that_float16_does_not_hold_runs_in_float32(fake, gpu):
    def overflowing(chunks):
        scale = math.inf if torch.is_autocast_enabled("cpu") else 1.0
        return torch.stack([chunks * scale] * 2, dim=1)

    model, mixture = fake(overflowing), noise()
    separator = Separator(model, "cpu", 2, precision="bf16", gpu=gpu())
    separator._passes._precision = "fp16"  # a CPU cannot be asked for it
    assert torch.equal(separator(mixture), Separator(model, "cpu", 2)(mixture))


def test_all_who_share_a_folder_go_by_the_first_decision(tmp_path):
    first = Decision("fp16", (Trial("fp32", 9.0, math.inf), Trial("fp16", 1.0, 61.5)))
    other = Decision("tf32", (Trial("fp32", 9.0, math.inf), Trial("bf16", 1.0, None)))
    one, two = Decisions(tmp_path / "a", "model"), Decisions(tmp_path / "a", "model")
    assert one.of("H100") is None
    assert one.settle("H100", first) == first
    assert two.of("H100") == first == two.settle("H100", other)
    assert two.of("A100") is None and Decisions(tmp_path / "a", "another").of("H100") is None
    assert two.settle("A100", other) == other == one.of("A100")
    assert len(list((tmp_path / "a").iterdir())) == 2  # nothing unfinished is left
    content = json.loads(next((tmp_path / "a").glob("*.json")).read_text())
    assert set(content) == {"precision", "device", "torch", "model", "trials"}


def test_a_damaged_decision_is_taken_anew(tmp_path, caplog):
    decisions, decision = Decisions(tmp_path, "model"), Decision("tf32")
    decisions.settle("H100", decision)
    (path,) = tmp_path.glob("*.json")
    path.write_text("{")
    assert decisions.of("H100") is None and "deciding again" in caplog.text
    assert decisions.settle("H100", decision) == decision == decisions.of("H100")


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    decision = Decision("tf32")
    assert Decisions(tmp_path / "file", "model").settle("H100", decision) == decision
    assert "other workers decide for themselves" in caplog.text


def test_a_worker_follows_what_another_one_decided(fake, gpu, tmp_path):
    Decisions(tmp_path, "model").settle("A GPU", Decision("bf16"))
    seen = Seen()
    decisions = Decisions(tmp_path, "model")
    separator = Separator(fake(seen), "cpu", 2, decisions=decisions, gpu=gpu())
    separator.settle(noise())
    assert separator.precision == "bf16" and not seen.calls
