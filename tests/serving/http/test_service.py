"""The real service on the demo zoo: real Ray, real HTTP."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
import soundfile

from stemwise.audio.raw import RawAudio
from stemwise.separation.recipe import load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator

from ..conftest import song_file, tones
from ..running import Running, final

pytestmark = pytest.mark.ray
MODELS = ("demo_htdemucs", "demo_scnet", "demo_melband", "demo_drumsep")


def post(
    service: Running, path: Path, headers: dict[str, str] | None = None, **fields: str
) -> dict:
    with path.open("rb") as file:
        answer = requests.post(
            f"{service.url}/v1/separations",
            files={"file": (path.name, file)},
            data=fields,
            headers=headers,
            timeout=100,
        )
    assert answer.status_code in {200, 202}, answer.text
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    return answer.json()


def stems_of(service: Running, job: dict) -> dict[str, np.ndarray]:
    found = {}
    for stem, link in job["links"]["stems"].items():
        content = requests.get(f"{service.url}{link}", timeout=30).content
        found[stem] = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0]
    return found


def separated_here(
    tmp_path: Path, samples: np.ndarray, recipe: str = "demo"
) -> dict[str, np.ndarray]:
    """What `stemwise separate` makes of the same song, before encoding."""
    raw = tmp_path / "mixture.f32"
    np.ascontiguousarray(samples, np.float32).tofile(raw)
    work = tmp_path / f"work-{recipe}"
    work.mkdir()
    made = RecipeSeparator(load_recipe(recipe), "cpu")(RawAudio(raw, len(samples)), work)
    return {stem: np.asarray(spool.read(stem)).T for stem, spool in made.items()}


def rms_db(signal: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-30)


def test_a_song_alone_is_what_the_command_line_makes_bit_for_bit(
    service: Running, tmp_path: Path
) -> None:
    path = song_file(tmp_path / "song.wav", 7.3, seed=1)
    job = post(service, path, {"Prefer": "wait=60"}, format="wav")
    assert (job["status"], job["progress"]) == ("succeeded", 1.0), job
    served, here = stems_of(service, job), separated_here(tmp_path, tones(7.3, seed=1))
    assert set(served) == set(here) and len(here) == 8
    for stem, samples in here.items():
        np.testing.assert_array_equal(served[stem], samples, err_msg=stem)


def test_conservation_is_reported_as_it_is_in_the_files(service: Running, song: Path) -> None:
    job = post(service, song, {"Prefer": "wait=60"}, format="wav")
    stems = stems_of(service, job)
    mixture = tones(4.0)
    reported = {item["parent"]: item for item in job["conservation"]}
    assert set(reported) == {"mixture", "drums"}
    wholes = {"mixture": mixture, "drums": stems["drums"]}
    for parent, whole in wholes.items():
        rest = whole.astype(np.float64) - sum(
            stems[stem].astype(np.float64) for stem in reported[parent]["stems"]
        )
        assert reported[parent]["difference_dbfs"] == pytest.approx(rms_db(rest), abs=0.01)
    assert reported["mixture"]["difference_dbfs"] < -120


def test_songs_in_flight_together_differ_by_less_than_minus_100_dbfs(
    service: Running, tmp_path: Path
) -> None:
    seeds = (2, 3)
    paths = [song_file(tmp_path / f"{seed}.wav", 3.0 + seed, seed) for seed in seeds]
    for attempt in range(5):  # on a busy machine one song may be done before the other begins
        before = passes(service)
        with ThreadPoolExecutor(2) as threads:
            jobs = list(threads.map(lambda path: post(service, path, format="wav"), paths))
        for seed, job in zip(seeds, jobs, strict=True):
            folder = tmp_path / f"here-{seed}-{attempt}"
            folder.mkdir()
            done = final(service.url, job)
            assert done["status"] == "succeeded", done
            here, served = separated_here(folder, tones(3.0 + seed, seed)), stems_of(service, done)
            for stem in here:
                assert rms_db(here[stem] - served[stem]) < -100, stem
        if shared_passes(service, before):
            return
    raise AssertionError("no pass held chunks of two songs")


def shared_passes(service: Running, before: tuple[float, float]) -> bool:
    """Tell whether a pass since `before` held several chunks; Ray exports its metrics now and then."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        chunks, runs = (now - then for now, then in zip(passes(service), before, strict=True))
        if runs and chunks > runs:
            return True
        time.sleep(1)
    return False


def passes(service: Running) -> tuple[float, float]:
    """Return chunks and passes of all models so far, from the metrics endpoint."""
    text = requests.get(f"http://127.0.0.1:{service.metrics_port}/metrics", timeout=20).text
    sums = {"ray_stemwise_chunks_total": 0.0, "ray_stemwise_passes_total": 0.0}
    for line in text.splitlines():
        name = line.partition("{")[0]
        if name in sums:
            sums[name] += float(line.rpartition(" ")[2])
    return sums["ray_stemwise_chunks_total"], sums["ray_stemwise_passes_total"]


def test_only_the_models_that_the_wanted_stems_need_are_run(service: Running, song: Path) -> None:
    job = post(service, song, {"Prefer": "wait=60"}, stems="drums,kick")
    assert set(job["links"]["stems"]) == {"drums", "kick"}
    whole = post(service, song, {"Prefer": "wait=60"})
    assert 0 < job["chunks_total"] < whole["chunks_total"]
    assert job["conservation"] == []  # nothing complete was asked for


def test_progress_is_pushed_and_grows_to_the_number_of_chunks(
    service: Running, tmp_path: Path
) -> None:
    job = post(service, song_file(tmp_path / "long.wav", 12.0))
    seen: list[tuple[str, dict]] = []
    with requests.get(f"{service.url}{job['links']['events']}", stream=True, timeout=60) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        event = ""
        for line in stream.iter_lines(decode_unicode=True):
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                seen.append((event, json.loads(line.removeprefix("data: "))))
    assert [name for name, _ in seen[-2:]] == ["progress", "done"]
    done = [state["chunks_done"] for _, state in seen]
    assert done == sorted(done) and len(set(done)) > 4
    assert done[-1] == seen[-1][1]["chunks_total"] > 10
    assert seen[-1][1]["status"] == "succeeded"


def test_cancelling_stops_the_models_within_a_chunk(service: Running, tmp_path: Path) -> None:
    job = post(service, song_file(tmp_path / "long.wav", 50.0))
    link = f"{service.url}{job['links']['self']}"
    begun(service, job)
    assert requests.delete(link, timeout=10).json()["status"] == "cancelled"
    time.sleep(1.5)  # the chunks that were running end
    pids = [pid for model in MODELS for pid in service.replicas(f"model-{model}")]
    assert len(pids) == 4
    before = sum(map(cpu_s, pids))
    time.sleep(2)  # in which the rest of the song would keep both cores busy
    assert sum(map(cpu_s, pids)) - before < 0.8
    gone = requests.get(f"{link}/stems/vocals", timeout=10)
    assert gone.status_code == 404 and "cancelled" in gone.json()["detail"]
    assert requests.delete(link, timeout=10).json()["status"] == "cancelled"


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def begun(service: Running, job: dict, chunks: int = 2) -> None:
    link = f"{service.url}{job['links']['self']}"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if requests.get(link, timeout=10).json()["chunks_done"] >= chunks:
            return
        time.sleep(0.05)
    raise AssertionError("the job did not begin")


@pytest.mark.parametrize("deployment", ["model-demo_scnet", "ensemble"])
def test_a_killed_replica_costs_time_but_no_job(
    service: Running, tmp_path: Path, deployment: str
) -> None:
    path = song_file(tmp_path / "long.wav", 12.0, seed=5)
    job = post(service, path, format="wav", stems="drums,bass")
    begun(service, job, 1)
    replicas = service.replicas(deployment)
    assert replicas
    for pid in replicas:
        os.kill(pid, signal.SIGKILL)
    done = final(service.url, job)
    assert done["status"] == "succeeded", done
    assert done["attempts"] == (2 if deployment == "ensemble" else 1)
    assert done["chunks_done"] == done["chunks_total"]
    here = separated_here(tmp_path, tones(12.0, seed=5), "demo")
    for stem, samples in stems_of(service, done).items():
        assert rms_db(here[stem] - samples) < -100


def test_the_zip_holds_every_stem_and_ranges_are_answered(service: Running, song: Path) -> None:
    job = post(service, song, {"Prefer": "wait=60"}, recipe="demo_scnet")
    archive = requests.get(f"{service.url}{job['links']['archive']}", timeout=30)
    assert int(archive.headers["content-length"]) == len(archive.content)
    with zipfile.ZipFile(io.BytesIO(archive.content)) as zipped:
        assert zipped.testzip() is None
        assert sorted(zipped.namelist()) == [
            f"{stem}.flac" for stem in sorted(job["links"]["stems"])
        ]
        whole = zipped.read("drums.flac")
    link = f"{service.url}{job['links']['stems']['drums']}"
    part = requests.get(link, headers={"Range": "bytes=10-19"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert "song - drums.flac" in requests.utils.unquote(part.headers["content-disposition"])
    peaks = requests.get(f"{link}/peaks", timeout=10).json()
    assert peaks["stem"] == "drums" and 1000 < len(peaks["peaks"]) <= 2000
    assert max(peaks["peaks"]) == pytest.approx(
        next(s["peak"] for s in job["results"] if s["stem"] == "drums"), abs=1e-4
    )


def test_the_same_idempotency_key_gives_the_same_job(service: Running, song: Path) -> None:
    key = {"Idempotency-Key": "once"}
    with ThreadPoolExecutor(4) as threads:
        jobs = list(threads.map(lambda _: post(service, song, key, stems="bass"), range(4)))
    assert len({job["id"] for job in jobs}) == 1
    done = final(service.url, jobs[0])
    assert post(service, song, key, stems="bass")["id"] == done["id"]
    with song.open("rb") as file:
        other = requests.post(
            f"{service.url}/v1/separations",
            files={"file": file},
            data={"stems": "drums"},
            headers=key,
            timeout=20,
        )
    assert other.status_code == 409 and other.json()["reason"] == "conflict"


def test_a_full_queue_is_said_with_retry_after_and_empties(
    service: Running, tmp_path: Path
) -> None:
    path = song_file(tmp_path / "long.wav", 55.0)
    links, refused = [], None
    for _ in range(40):  # a busy machine may finish some while others are sent
        with path.open("rb") as file:
            answer = requests.post(
                f"{service.url}/v1/separations", files={"file": file}, timeout=30
            )
        if answer.status_code != 202:
            refused = answer
            break
        links.append(f"{service.url}{answer.json()['links']['self']}")
    try:
        assert refused is not None and refused.status_code == 503
        assert refused.json()["reason"] == "queue_full"
        assert int(refused.headers["Retry-After"]) >= 1
    finally:
        states = [requests.delete(link, timeout=10).json()["status"] for link in links]
    assert "cancelled" in states and set(states) <= {"cancelled", "expired"}  # some were finished


def test_facts_and_security_headers(service: Running) -> None:
    recipes = requests.get(f"{service.url}/v1/recipes", timeout=10).json()["recipes"]
    assert [(r["name"], r["default"]) for r in recipes] == [
        ("demo", True),
        ("demo_scnet", False),
        ("cascade", False),
    ]
    measured = load_recipe("demo").provenance["held_out_snr"]["drums"]
    assert recipes[0]["quality_db"]["drums"] == pytest.approx(measured)
    models = requests.get(f"{service.url}/v1/models", timeout=10).json()["models"]
    assert {m["name"] for m in models} == set(recipes[0]["models"]) and all(
        m["ready"] for m in models
    )
    for path in ("/", "/healthz", "/nothing"):
        headers = requests.get(service.url + path, timeout=10).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert not any(name.lower().startswith("access-control") for name in headers)


def test_the_log_of_the_ensemble_is_json_with_the_job(service: Running, song: Path) -> None:
    job = post(service, song, {"Prefer": "wait=60"}, stems="bass")
    logs = Path("/tmp/ray").glob("session_*/logs/serve/replica_stemwise_ensemble_*.log")
    newest = [line for path in logs for line in path.read_text().splitlines() if job["id"] in line]
    records = [json.loads(line) for line in newest]
    assert {record["separation_id"] for record in records} == {job["id"]}
    assert any("succeeded" in record["message"] for record in records)
