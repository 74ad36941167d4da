"""How deployments log: one JSON object a line, with `separation_id` where it is about a job.

(Ray removes a field `job_id` from such lines: it has jobs of its own.)
"""

from __future__ import annotations

from typing import Any

# Every request would be a line; the metrics count them.
LOGGING: dict[str, Any] = {"encoding": "JSON", "enable_access_log": False}
# Nothing of a deployment needs long to stop: jobs are given back, not finished.
SHUTDOWN: dict[str, Any] = {"graceful_shutdown_timeout_s": 5, "graceful_shutdown_wait_loop_s": 0.2}
