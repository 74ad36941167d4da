"""The manifests against KubeRay's schemas, the tested configs and the metrics that there are."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from .manifests import K8S, ROOT, check_metrics_port, load, patched, rendered, validate

VARIANTS = {"one-node": "paper.yaml", "several-nodes": "cluster.yaml"}
_EXPORTED = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}


def rayservice(variant: str) -> dict[str, Any]:
    """Return a variant's manifest, with its patch applied as kustomize does."""
    manifest = load(K8S / "one-node" / "rayservice.yaml")
    steps = load(K8S / variant / "patch.yaml") if variant == "several-nodes" else []
    return patched(manifest, steps)


def pods(variant: str) -> dict[str, dict[str, Any]]:
    cluster = rayservice(variant)["spec"]["rayClusterConfig"]
    groups = {"head": cluster["headGroupSpec"]}
    groups |= {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    return {name: group["template"] for name, group in groups.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_kuberays_schema_accepts_it(variant):
    validate(rayservice(variant))


@pytest.mark.parametrize(("variant", "config"), VARIANTS.items())
def test_it_serves_the_application_that_is_tested(variant, config):
    embedded = yaml.safe_load(rayservice(variant)["spec"]["serveConfigV2"])
    tested = yaml.safe_load((ROOT / "deployments" / config).read_text())
    # a pod's neighbours must reach it; who may is for the keys to say
    assert embedded["http_options"].pop("host") == "0.0.0.0"
    tested["http_options"].pop("host")
    assert embedded == tested


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_runs_as_root_or_writes_to_its_image(variant):
    for name, pod in pods(variant).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"]
        for container in spec["containers"]:
            locked = container["securityContext"]
            assert locked["readOnlyRootFilesystem"] and not locked["allowPrivilegeEscalation"]
            assert locked["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"], name
            volumes = {volume["name"] for volume in spec["volumes"]}
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert set(mounts) == volumes and mounts["tmp"] == "/tmp"
    assert rayservice(variant)["spec"]["rayClusterConfig"]["authOptions"] == {"mode": "token"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_workers_serve_and_only_with_keys(variant):
    service, workers = rayservice(variant)["spec"], pods(variant)
    head = workers.pop("head")["spec"]["containers"][0]
    assert service["excludeHeadPodFromServeSvc"]
    assert service["rayClusterConfig"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    # the head must be ready before the operator deploys anything: no probe of the service there
    assert not [key for key in head if key.endswith("Probe")]
    assert "STEMWISE_KEYS" not in {entry["name"] for entry in head["env"]}
    for pod in workers.values():
        (container,) = pod["spec"]["containers"]
        keys = next(e for e in container["env"] if e["name"] == "STEMWISE_KEYS")
        assert not keys["valueFrom"]["secretKeyRef"].get("optional")
        assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert "readinessProbe" not in container  # the operator's own


@pytest.mark.parametrize("variant", VARIANTS)
def test_prometheus_finds_the_port_that_ray_is_given(variant):
    check_metrics_port(rayservice(variant)["spec"]["rayClusterConfig"])


def test_several_nodes_keep_no_state_in_a_pod_and_replace_the_cluster():
    spec = rayservice("several-nodes")["spec"]
    assert spec["upgradeStrategy"] == {"type": "NewCluster"}
    (group,) = spec["rayClusterConfig"]["workerGroupSpecs"]
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    assert all("emptyDir" in volume for volume in group["template"]["spec"]["volumes"])
    (container,) = group["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "stemwise-storage"}}]


@pytest.mark.parametrize("variant", [".", *VARIANTS])
def test_kustomize_renders_what_is_validated(variant):
    made = rendered(variant)
    wanted = rayservice("one-node" if variant == "." else variant)
    cluster = wanted["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        for container in group["template"]["spec"]["containers"]:
            container["image"] = f"registry.example.com/{container['image']}"
    assert made["RayService"] == wanted
    assert ("PersistentVolumeClaim" in made) == (variant != "several-nodes")


def test_versions_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (ray,) = [text for text in project["dependencies"] if text.startswith("ray[")]
    version = rayservice("one-node")["spec"]["rayClusterConfig"]["rayVersion"]
    assert ray.endswith(f"=={version.rpartition('.')[0]}.*")
    dockerfile = (K8S / "Dockerfile").read_text()
    images = re.findall(r"rayproject/ray:(\S+)", dockerfile)
    assert images and all(tag.startswith(f"{version}-py311-") for tag in images)
    extras = re.search(r"\.whl\)\[([a-z0-9,]+)\]", dockerfile)
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    for pod in pods("one-node").values():
        assert pod["spec"]["containers"][0]["image"] == f"stemwise:{project['version']}"


def exported() -> dict[str, set[str]]:
    """Return the labels of each name that Prometheus sees, from the source of metrics.py."""
    found: dict[str, set[str]] = {}
    source = ROOT / "platform" / "stemwise" / "serving" / "graph" / "metrics.py"
    for call in ast.walk(ast.parse(source.read_text())):
        kind = getattr(call.func, "id", None) if isinstance(call, ast.Call) else None
        if kind not in _EXPORTED:
            continue
        tags = [word.value for word in call.keywords if word.arg == "tag_keys"]
        labels = set(ast.literal_eval(tags[0])) if tags else set()
        for suffix in _EXPORTED[kind]:
            extra = {"le"} if suffix == "_bucket" else set()
            found[f"ray_{ast.literal_eval(call.args[0])}{suffix}"] = labels | extra
    return found


def queries() -> list[str]:
    board = json.loads((K8S / "grafana" / "stemwise.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]


def test_the_dashboard_shows_all_metrics_and_no_others():
    names = exported()
    shown = {name for query in queries() for name in re.findall(r"ray_\w+", query)}
    assert shown <= set(names)
    metrics = {re.sub("_(bucket|sum|count)$", "", name) for name in names}
    assert {re.sub("_bucket$", "", name) for name in shown} == metrics


def test_the_dashboard_groups_by_labels_that_there_are():
    names = exported()
    for query in queries():
        labels = set.intersection(*(names[name] for name in re.findall(r"ray_\w+", query)))
        grouped = re.findall(r"by \(([^)]*)\)", query)
        asked = {label.strip() for group in grouped for label in group.split(",")}
        asked |= set(re.findall(r"[{,]\s*(\w+)\s*=~?", query))
        assert asked <= labels, query


def test_the_dashboards_panels_do_not_overlap():
    board = json.loads((K8S / "grafana" / "stemwise.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_scrape_example_asks_for_what_the_pods_say():
    jobs = yaml.safe_load((K8S / "prometheus" / "scrape.yaml").read_text())["scrape_configs"]
    (pod_job,) = [job for job in jobs if "kubernetes_sd_configs" in job]
    kept = {rule["regex"] for rule in pod_job["relabel_configs"] if rule.get("action") == "keep"}
    assert kept == {"stemwise.*", "true", "metrics"}
    for job in jobs:
        (drop,) = job["metric_relabel_configs"]
        used = {label for labels in exported().values() for label in labels} | {"WorkerId"}
        assert not [label for label in used if re.fullmatch(drop["regex"], label)]


def test_the_docs_name_every_metric_and_setting():
    text = (ROOT / "docs" / "operations.md").read_text()
    bases = {re.sub("_(bucket|sum|count)$", "", name) for name in exported()}
    assert {name for name in bases if f"`{name}`" not in text} == set()
    for profile in ("cpu", "gpu"):
        parts = yaml.safe_load((ROOT / "conf" / "serve" / f"{profile}.yaml").read_text())
        for part in parts.keys() - {"models"}:
            if not isinstance(parts[part], dict):
                assert f"`{part}`" in text, part
                continue
            for key in parts[part]:
                assert re.search(rf"`({part})?\.{key}`", text), f"{part}.{key}"
