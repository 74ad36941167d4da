"""Singers: vocal folds with vibrato, portamento and jitter, sung through a moving tract."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.datasets.synthesis import vocal_tract
from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.melody import Phrase, backing_voices, lead_phrases
from stemwise.datasets.synthesis.oscillators import TABLE, cycles_of, oscillate, wavetable
from stemwise.datasets.synthesis.signals import (
    Floats,
    Mono,
    Rng,
    add_at,
    hertz,
    pan,
    samples_of,
    smooth_random,
    white,
)
from stemwise.datasets.synthesis.style import Singing

_LEAD_IN_S = 0.45
_TAIL_S = 0.25
_CONTROL = 128  # samples between points of the pitch and loudness curves


@dataclass(frozen=True)
class Singer:
    """One person: size of the tract, and the habits of the style."""

    size: float
    vibrato_hz: float
    breath: float
    habits: Singing


def perform(song: Song) -> dict[str, Audio]:
    """Sing the lead and the backing voices, each `(2, samples)`."""
    rng = song.rng("voices")
    lead = lead_phrases(song)
    silence = np.zeros(song.samples, dtype=np.float32)
    solo = _sing_all(lead, _singer(song, rng), silence.copy(), rng)
    backing = np.zeros((2, song.samples), dtype=np.float32)
    if "backing_vocals" not in song.absent:
        for phrases, place in zip(backing_voices(song, lead), (-0.75, 0.7, -0.3), strict=False):
            singer = _singer(song, rng, extra_breath=0.05)
            backing += pan(_sing_all(phrases, singer, silence.copy(), rng), place)
    return {"lead_vocals": pan(solo, 0.0), "backing_vocals": backing}


def _singer(song: Song, rng: Rng, extra_breath: float = 0.0) -> Singer:
    size = (1.0 if song.voice == "male" else 1.17) * float(rng.uniform(0.95, 1.06))
    habits = song.style.singing
    return Singer(size, float(rng.uniform(5.0, 6.2)), habits.breath + extra_breath, habits)


def _sing_all(phrases: list[Phrase], singer: Singer, track: Mono, rng: Rng) -> Mono:
    for phrase in phrases:
        add_phrase = sing(phrase, singer, rng)
        start = phrase[0].note.start_s - _LEAD_IN_S
        # A phrase at the very start of the song loses its breath, not its timing.
        skip = max(0, round(-start * SAMPLE_RATE))
        add_at(track, add_phrase[skip:], max(0.0, start))
    return track


def sing(phrase: Phrase, singer: Singer, rng: Rng) -> Mono:
    """Sing one phrase; it starts `_LEAD_IN_S` before its first note, `(samples,)`."""
    origin = phrase[0].note.start_s - _LEAD_IN_S
    end = max(s.note.start_s + s.note.length_s for s in phrase)
    n = samples_of(end - origin + _TAIL_S)
    points = n // _CONTROL + 2
    times = np.arange(points) * _CONTROL / SAMPLE_RATE
    at = np.arange(n) / _CONTROL
    pitch = _pitch(phrase, singer, origin, times, rng)
    loudness = _loudness(phrase, origin, times)
    loudness *= 1 + 0.08 * smooth_random(points, 60 * times[-1], rng)
    f0 = np.interp(at, np.arange(points), 440 * 2 ** ((pitch - 69) / 12)).astype(np.float32)
    strength = np.interp(at, np.arange(points), loudness).astype(np.float32)
    source = _folds(f0, strength, singer, rng)
    add_at(source, 0.02 * vocal_tract.breath(rng), 0.02)
    knots, formants = _formant_path(phrase, singer, origin)
    voice = vocal_tract.shape(source, knots, formants, singer.size)
    return voice + _consonants(phrase, origin, n, rng)


def _folds(f0: Mono, strength: Mono, singer: Singer, rng: Rng) -> Mono:
    """Return the glottal source: pulses whose edges sharpen with effort, and breath."""
    count = int(np.clip(17_000 / f0.max(), 8, 140))
    cycles = cycles_of(f0)
    both = (_pulse(count, 0.035) + 1j * _pulse(count, 0.004)).astype(np.complex64)
    pulses = oscillate(both, cycles)
    edge = np.clip(singer.habits.effort * strength, 0, 1)
    voiced = pulses.real + edge * (pulses.imag - pulses.real)
    open_phase = (0.6 + 0.4 * np.cos(2 * np.pi * cycles)).astype(np.float32)
    out: Mono = strength * (voiced + singer.breath * open_phase * white(len(f0), rng))
    return out


def _pulse(count: int, blur: float) -> Mono:
    """One period of the flow's derivative, its closing edge softened by `blur` periods."""
    t = np.arange(TABLE) / TABLE
    peak, closure = 0.42, 0.6
    rising = 0.5 * np.pi / peak * np.sin(np.pi * t / peak)
    falling = -0.5 * np.pi / (closure - peak) * np.sin(0.5 * np.pi * (t - peak) / (closure - peak))
    flow = np.where(t < peak, rising, np.where(t < closure, falling, 0))
    spectrum = np.fft.rfft(flow)[1 : count + 1]
    k = np.arange(1, count + 1)
    spectrum *= np.exp(-0.5 * (2 * np.pi * k * blur / 2) ** 2) + 0.3 / (1 + (k * blur * 4) ** 2)
    return wavetable(np.abs(spectrum), np.angle(spectrum))


def _pitch(phrase: Phrase, singer: Singer, origin: float, times: Floats, rng: Rng) -> Floats:
    """Return the pitch curve in semitones: slides, vibrato that grows on held notes, jitter."""
    starts = np.array([s.note.start_s - origin for s in phrase])
    index = np.clip(np.searchsorted(starts, times + 0.02, "right") - 1, 0, len(phrase) - 1)
    target = np.array([s.note.pitch for s in phrase])[index].astype(np.float64)
    since = times - starts[index]
    habits = singer.habits
    # Every note is approached from a little below; spoken ones fall away instead.
    target -= rng.uniform(0, 0.8, len(phrase))[index] * np.exp(-np.maximum(since, 0) / 0.05)
    target -= habits.speech * 9 * np.clip(since, 0, 0.3)
    pitch = _slide(target, habits.portamento_s)
    rate = singer.vibrato_hz * (1 + 0.06 * smooth_random(len(times), 20 * times[-1], rng))
    swing = np.sin(2 * np.pi * np.cumsum(rate) * _CONTROL / SAMPLE_RATE)
    depth = habits.vibrato_cents / 100 * np.clip((since - 0.18) / 0.3, 0, 1)
    jitter = 0.05 * smooth_random(len(times), 150 * times[-1], rng)
    drift = 0.12 * smooth_random(len(times), 4 * times[-1], rng)
    return np.asarray(pitch + depth * swing + jitter + drift)


def _slide(target: Floats, time_s: float) -> Floats:
    """Smooth a staircase twice, so that slides start and end softly."""
    width = max(1, round(2 * time_s * SAMPLE_RATE / _CONTROL))
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(target, (width // 2, width - 1 - width // 2), mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), "valid"))


def _loudness(phrase: Phrase, origin: float, times: Floats) -> Floats:
    """Return the loudness curve: dips for consonants, legato within and silence between notes."""
    knots, values = [0.0], [0.0]
    for syllable, following in zip(phrase, [*phrase[1:], None], strict=True):
        note = syllable.note
        start, end = note.start_s - origin, note.start_s + note.length_s - origin
        dip = vocal_tract.OPENNESS.get(syllable.onset, 0.02)
        joined = following is not None and following.note.start_s - origin < end + 0.06
        attack = 0.03 if dip < 0.1 else 0.055
        tail = note.velocity * 0.7
        knots += [start - 0.025, start, start + attack, start + max(attack, 0.6 * note.length_s)]
        connected = values[-1] > 0
        values += [values[-1], dip * note.velocity if connected else 0.0, note.velocity, tail * 1.2]
        knots += [max(end - 0.03, start + attack + 0.01), end + (0.0 if joined else 0.07)]
        values += [tail, tail * 0.8 if joined else 0.0]
    order = np.maximum.accumulate(knots)
    return np.interp(times, order, values)


def _formant_path(phrase: Phrase, singer: Singer, origin: float) -> tuple[list[float], Floats]:
    """Return times and formants `(points, 3)` of locus, vowel and its end for every syllable."""
    times, points = [0.0], [vocal_tract.NEUTRAL]
    for syllable in phrase:
        start = syllable.note.start_s - origin
        f1, f2, f3 = vocal_tract.vowel(syllable.vowel)
        # High notes: singers open the mouth so that the first formant is not below the pitch.
        open_ = (max(f1, 1.05 * hertz(syllable.note.pitch) / singer.size), f2, f3)
        place = vocal_tract.locus(syllable.onset)
        if place is not None:
            times.append(start - 0.01)
            points.append(place)
        times += [start + 0.07, start + max(0.08, syllable.note.length_s - 0.05)]
        points += [open_, open_]
    return np.maximum.accumulate(times).tolist(), np.array(points)


def _consonants(phrase: Phrase, origin: float, n: int, rng: Rng) -> Mono:
    """Return the noises of all consonants; each ends where its vowel begins."""
    out = np.zeros(n, dtype=np.float32)
    for syllable in phrase:
        made = vocal_tract.consonant(syllable.onset, rng)
        if made is not None:
            ahead, noise = made
            loudness = 0.35 * (0.4 + 0.6 * syllable.note.velocity)
            add_at(out, loudness * noise, syllable.note.start_s - origin - ahead)
    return out
