"""Several real processes on one SQLite file, one of them killed in the middle of its work."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from stemwise.serving.jobs.records import NewJob, Status
from stemwise.serving.jobs.store import JobStore, QueueLimits

JOBS = 150

# Submits its part of the jobs, then works until nothing is queued; prints what it finished.
WORKER = """
import sys
from stemwise.serving.jobs.store import JobStore, QueueLimits
from stemwise.serving.jobs.records import NewJob
url, name, jobs, killed = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "killed"
store = JobStore(url)
limits = QueueLimits(10_000, None)
for number in range(jobs):
    # all processes send the same requests: each must become one job
    new = NewJob(f"{name}-{number}", "ann", "best", (), "flac", "t", 1, "d", f"key-{number}")
    store.submit(new, limits)
print("submitted", flush=True)
sys.stdin.readline()
while job := store.claim(name, 60):
    assert store.heartbeat(job.id, name, 60, 1, 2)
    if killed:
        print("held", job.id, flush=True)
        sys.stdin.readline()
    assert store.finish(job.id, name, {"by": name}, 60)
    print("finished", job.id, flush=True)
store.close()
"""


def test_each_job_is_worked_on_once_and_a_killed_workers_job_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    names = ("w0", "w1", "w2")
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                WORKER,
                url,
                name,
                str(JOBS),
                "killed" if name == "w0" else "no",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "submitted\n"
    store = JobStore(url)
    assert store.counts()[Status.QUEUED] == JOBS

    victim, *others = workers
    assert victim.stdin and victim.stdout
    victim.stdin.write("go\n")
    victim.stdin.flush()
    held = victim.stdout.readline().split()[1]
    for worker in others:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(10) == -signal.SIGKILL
    finished = [line for worker in others for line in worker.communicate(timeout=60)[0].split("\n")]
    assert [worker.returncode for worker in others] == [0, 0]
    victim.stdin.close()
    victim.stdout.close()

    done = [line.split()[1] for line in finished if line.startswith("finished")]
    assert len(done) == len(set(done)) == JOBS - 1
    assert held not in done and store.get(held).status is Status.RUNNING
    assert store.claim("early", 60) is None
    later = JobStore(url, clock=lambda: time.time() + 61)
    job = later.claim("next", 60)
    assert job and (job.id, job.attempts) == (held, 2)
    assert later.finish(held, "next", {}, 60)
    assert later.counts()[Status.SUCCEEDED] == JOBS
    store.close()
    later.close()
    with sqlite3.connect(tmp_path / "jobs.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_process_killed_in_a_transaction_blocks_nobody(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    store = JobStore(url)
    store.submit(NewJob("j1", "ann", "best", (), "flac", "t", 1, "d"), QueueLimits(9, None))
    code = (
        "import sqlite3, sys, time\n"
        f"c = sqlite3.connect({str(tmp_path / 'jobs.db')!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "c.execute(\"UPDATE stemwise_jobs SET status = 'failed'\")\n"
        "print('holding', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin and process.stdout
    process.stdout.readline()
    assert store.get("j1").status is Status.QUEUED  # readers do not wait
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stdin.close()
    process.stdout.close()
    job = store.claim("w", 60)
    assert job and job.id == "j1"
    store.close()
