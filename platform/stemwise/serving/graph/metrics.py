"""What Prometheus can read on Ray's metrics endpoint; Ray puts `ray_` before the names."""

from __future__ import annotations

from ray.util.metrics import Counter, Gauge, Histogram

_SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000]


class ModelMetrics:
    """Of one model's replica."""

    def __init__(self, model: str) -> None:
        tags = {"model": model}
        self._batch = Histogram(
            "stemwise_batch_chunks",
            "Chunks that ran through the model together.",
            boundaries=[1, 2, 3, 4, 6, 8, 12, 16, 32],
            tag_keys=("model",),
        )
        self._seconds = Histogram(
            "stemwise_forward_seconds",
            "Seconds of one pass through the model.",
            boundaries=_SECONDS,
            tag_keys=("model",),
        )
        self._chunks = Counter(
            "stemwise_chunks", "Chunks that ran through the model.", tag_keys=("model",)
        )
        self._factor = Histogram(
            "stemwise_realtime_factor",
            "Seconds of audio per second, of one song through one model.",
            boundaries=[0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000],
            tag_keys=("model",),
        )
        # Ray's histograms know sums by buckets only; chunks per pass exactly is a ratio of counters
        self._passes = Counter("stemwise_passes", "Passes through the model.", tag_keys=("model",))
        self._busy = Counter(
            "stemwise_busy_seconds", "Seconds of passes through the model.", tag_keys=("model",)
        )
        counters = (self._chunks, self._passes, self._busy)
        for metric in (self._batch, self._seconds, self._factor, *counters):
            metric.set_default_tags(tags)

    def batch(self, chunks: int, seconds: float) -> None:
        """Count one pass."""
        self._batch.observe(chunks)
        self._seconds.observe(seconds)
        self._chunks.inc(chunks)
        self._passes.inc()
        self._busy.inc(max(seconds, 1e-9))

    def song(self, samples: int, seconds: float) -> None:
        """Count one song of `samples` at 44.1 kHz."""
        self._factor.observe(samples / 44_100 / max(seconds, 1e-6))


class JobMetrics:
    """Of one ensemble replica."""

    def __init__(self) -> None:
        self._jobs = Counter(
            "stemwise_jobs_ended", "Jobs by how they ended.", tag_keys=("outcome", "recipe")
        )
        self._stages = Histogram(
            "stemwise_stage_seconds",
            "Seconds of a job by stage: queue, separate, encode.",
            boundaries=_SECONDS,
            tag_keys=("stage", "recipe"),
        )
        self._audio = Counter(
            "stemwise_audio_seconds",
            "Seconds of audio of jobs that succeeded.",
            tag_keys=("recipe",),
        )
        self._retries = Counter(
            "stemwise_model_retries",
            "Calls repeated after a replica was lost.",
            tag_keys=("model",),
        )
        self._queue = Gauge("stemwise_jobs", "Jobs in the store by status.", tag_keys=("status",))
        self._age = Gauge("stemwise_queue_age_seconds", "How long the oldest job has been queued.")

    def ended(self, recipe: str, outcome: str, stages: dict[str, float], audio_s: float) -> None:
        """Count one job."""
        self._jobs.inc(1, {"outcome": outcome, "recipe": recipe})
        for stage, seconds in stages.items():
            self._stages.observe(max(seconds, 0.0), {"stage": stage, "recipe": recipe})
        if outcome == "succeeded":
            self._audio.inc(audio_s, {"recipe": recipe})

    def retried(self, model: str) -> None:
        """Count one repeated call."""
        self._retries.inc(1, {"model": model})

    def queue(self, counts: dict[str, int], oldest_s: float | None) -> None:
        """Show how many jobs there are, and for how long the oldest queued one waits."""
        self._age.set(oldest_s or 0.0)
        for status, count in counts.items():
            self._queue.set(count, {"status": status})


class RequestMetrics:
    """Of one ingress replica."""

    def __init__(self) -> None:
        self._requests = Counter(
            "stemwise_requests",
            "Requests by route and status.",
            tag_keys=("method", "route", "status"),
        )
        self._rejections = Counter(
            "stemwise_rejections", "Requests refused, by reason.", tag_keys=("reason",)
        )
        self._bytes = Counter("stemwise_upload_bytes", "Bytes of accepted uploads.")
        self._decoding = Histogram(
            "stemwise_decode_seconds",
            "Seconds of decoding an accepted upload.",
            boundaries=_SECONDS,
        )

    def request(self, method: str, route: str, status: int) -> None:
        """Count one request."""
        self._requests.inc(1, {"method": method, "route": route, "status": str(status)})

    def rejected(self, reason: str) -> None:
        """Count one refusal."""
        self._rejections.inc(1, {"reason": reason})

    def uploaded(self, size: int, decoding_s: float) -> None:
        """Count one accepted upload of `size` bytes."""
        self._bytes.inc(size)
        self._decoding.observe(decoding_s)
