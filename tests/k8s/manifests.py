"""Reading manifests as kustomize and the API server do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"


def load(path: Path) -> Any:
    """Return a YAML file; what an anchor stands for is a copy at each place."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text())))


def patched(manifest: dict[str, Any], steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Apply a JSON patch in place, strictly, and return the manifest."""
    for step in steps:
        *parents, last = step["path"].strip("/").split("/")
        place: Any = manifest
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        if last == "-":
            assert step["op"] == "add"
            place.append(step["value"])
            continue
        key = int(last) if isinstance(place, list) else last
        if step["op"] != "add":
            place[key]  # there must be something to replace or remove
        if step["op"] == "remove":
            del place[key]
        else:
            place[key] = step["value"]
    return manifest


def validate(manifest: dict[str, Any]) -> None:
    """Validate against KubeRay's schema of its kind; skip the test where there are none."""
    default = ROOT.parent / "shared" / "kuberay-crds"
    schemas = Path(os.environ.get("STEMWISE_TEST_CRDS", default))
    path = schemas / f"ray.io_v1_{manifest['kind'].lower()}s.schema.json"
    if not path.is_file():
        pytest.skip(f"no KubeRay schemas at {schemas} (set STEMWISE_TEST_CRDS)")
    jsonschema.validate(manifest, json.loads(path.read_text()))


def rendered(folder: str) -> dict[str, dict[str, Any]]:
    """Return what kustomize makes of a folder, by kind; skip the test without kubectl."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    command = [kubectl, "kustomize", str(K8S / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {entry["kind"]: entry for entry in yaml.safe_load_all(done.stdout)}


def check_metrics_port(cluster: dict[str, Any]) -> None:
    """Check that each pod of a Ray cluster tells Prometheus the port that its Ray is given."""
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        port = group["rayStartParams"]["metrics-export-port"]
        notes = group["template"]["metadata"]["annotations"]
        assert notes["prometheus.io/scrape"] == "true" and notes["prometheus.io/port"] == port
        (container,) = group["template"]["spec"]["containers"]
        assert {"name": "metrics", "containerPort": int(port)} in container["ports"]
