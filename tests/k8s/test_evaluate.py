"""The RayJob of an evaluation: its schema, its command under Hydra, and what must agree in it."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Any

import hydra
import pytest
import yaml

from stemwise.jobs import configuration
from stemwise.jobs.overrides import plain
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.typed import read

from .manifests import K8S, ROOT, check_metrics_port, load, patched, rendered, validate

VARIANTS = ("evaluate", "evaluate-volume")
_GB_PER_SONG = 4


def rayjob(variant: str) -> dict[str, Any]:
    """Return a variant's manifest, with its patch applied as kustomize does."""
    steps = load(K8S / variant / "patch.yaml") if variant == "evaluate-volume" else []
    return patched(load(K8S / "evaluate" / "rayjob.yaml"), steps)


def cluster_of(variant: str) -> dict[str, Any]:
    return rayjob(variant)["spec"]["rayClusterSpec"]


def nodes(variant: str) -> dict[str, dict[str, Any]]:
    """Return the pod specs of the head and of the only group of workers."""
    cluster = cluster_of(variant)
    (group,) = cluster["workerGroupSpecs"]
    return {
        "head": cluster["headGroupSpec"]["template"]["spec"],
        "gpu": group["template"]["spec"],
    }


def containers(variant: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (pod, container) of all that run, the submitter and init containers included."""
    pods = [*nodes(variant).values(), rayjob(variant)["spec"]["submitterPodTemplate"]["spec"]]
    return [(p, c) for p in pods for c in (*p.get("initContainers", ()), *p["containers"])]


def overrides(variant: str) -> list[str]:
    program, command, *rest = shlex.split(rayjob(variant)["spec"]["entrypoint"])
    assert (program, command) == ("stemwise", "evaluate")
    return rest


def settings(variant: str) -> EvaluateSettings:
    """Compose the command as `stemwise evaluate` does, from the configuration that there is now."""
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = hydra.compose("evaluate", overrides(variant))
    return read(EvaluateSettings, plain(config))


def given(variant: str) -> dict[str, str]:
    """Return the command's overrides as written."""
    return dict(item.split("=", 1) for item in overrides(variant))


def env(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container.get("env", ())}


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


def gib(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Gi|Ti)", text).groups()
    return int(number) * (1024 if unit == "Ti" else 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_kuberays_schema_accepts_it(variant):
    validate(rayjob(variant))


@pytest.mark.parametrize("variant", VARIANTS)
def test_kustomize_renders_what_is_validated(variant):
    made = rendered(variant)
    wanted = rayjob(variant)
    spec = wanted["spec"]
    pods = [spec["submitterPodTemplate"]["spec"]]
    pods.append(spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"])
    pods += [group["template"]["spec"] for group in spec["rayClusterSpec"]["workerGroupSpecs"]]
    for pod in pods:
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            container["image"] = f"registry.example.com/{container['image']}"
    assert made["RayJob"] == wanted
    assert ("PersistentVolumeClaim" in made) == (variant == "evaluate-volume")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_command_is_one_that_stemwise_takes(variant):
    made = settings(variant)
    assert made.cluster.address == "auto" and made.cluster.gpus_per_actor == 1
    assert made.device == "cuda"  # a node without its GPU must not go on slowly
    specs, _ = configuration.models(made.models)
    assert specs


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_shells_leave_the_command_as_it_is(variant):
    # KubeRay pastes it into the submitter's script, and `ray job submit` hands it to another shell
    assert re.fullmatch(r"[\w./:=@, -]+", rayjob(variant)["spec"]["entrypoint"])


@pytest.mark.parametrize(
    ("variant", "start"), [("evaluate", "s3://"), ("evaluate-volume", "/data/")]
)
def test_what_all_nodes_read_and_write_lies_where_all_reach_it(variant, start):
    places = [given(variant)[key] for key in ("dataset.root", "output", "store")]
    assert all(place.startswith(start) for place in places) and len(set(places)) == 3
    for pod in nodes(variant).values():
        (container,) = pod["containers"]
        claims = {v["name"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
        shared = [path for path, name in mounts(container).items() if name in claims]
        assert shared == (["/data"] if variant == "evaluate-volume" else [])


@pytest.mark.parametrize("variant", VARIANTS)
def test_gpus_come_for_the_run_and_go_with_it(variant):
    job, cluster = rayjob(variant)["spec"], cluster_of(variant)
    (group,) = cluster["workerGroupSpecs"]
    assert cluster["enableInTreeAutoscaling"] and cluster["autoscalerOptions"]["version"] == "v2"
    assert group["minReplicas"] == group["replicas"] == 0
    wanted = given(variant)
    gpus = int(wanted["cluster.actors"]) * int(wanted["cluster.gpus_per_actor"])
    assert gpus == group["maxReplicas"]
    # KubeRay suspends only what it also shuts down
    assert job["shutdownAfterJobFinishes"] and job["ttlSecondsAfterFinished"] >= 0
    assert job["suspend"] is False and job["backoffLimit"] >= 1
    assert "activeDeadlineSeconds" not in job


@pytest.mark.parametrize("variant", VARIANTS)
def test_ray_books_what_the_pods_have(variant):
    cluster = cluster_of(variant)
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"  # no song runs there
    (group,) = cluster["workerGroupSpecs"]
    (worker,) = nodes(variant)["gpu"]["containers"]
    limits, requests = worker["resources"]["limits"], worker["resources"]["requests"]
    assert limits.items() <= requests.items()  # what Ray counts on is there
    assert limits["nvidia.com/gpu"] == "1"
    # Ray's operator takes both from the limits unless the group says otherwise
    assert not {"num-cpus", "num-gpus", "memory"} & set(group["rayStartParams"])
    assert int(limits["cpu"]) > float(given(variant).get("cluster.cpus_per_actor", 1))
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in (
        nodes(variant)["gpu"]["tolerations"]
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_worker_has_local_room_for_the_songs_in_flight(variant):
    pod = nodes(variant)["gpu"]
    (worker,) = pod["containers"]
    sizes = {v["name"]: gib(v["emptyDir"]["sizeLimit"]) for v in pod["volumes"] if "emptyDir" in v}
    scratch = sizes[mounts(worker)[given(variant)["cluster.scratch"]]]
    cores = int(worker["resources"]["limits"]["cpu"])
    assert scratch >= _GB_PER_SONG * (2 + cores)
    assert gib(worker["resources"]["requests"]["ephemeral-storage"]) >= sum(sizes.values())


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_runs_as_root_or_writes_to_its_image(variant):
    for pod, container in containers(variant):
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"]
        locked = container["securityContext"]
        assert locked["readOnlyRootFilesystem"] and not locked["allowPrivilegeEscalation"]
        assert locked["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert set(mounts(container).values()) <= {volume["name"] for volume in pod["volumes"]}
        assert mounts(container)["/tmp"] == "tmp" and env(container)["HOME"] == "/tmp"
    assert cluster_of(variant)["authOptions"] == {"mode": "token"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_workers_find_checkpoints_where_the_driver_has_them(variant):
    # the driver fetches and sends paths: a worker opens the same path on its own node
    head, gpu = nodes(variant)["head"], nodes(variant)["gpu"]
    homes = {env(c)["STEMWISE_HOME"] for p in (head, gpu) for c in p["containers"]}
    (home,) = homes
    if variant == "evaluate-volume":
        assert home.startswith("/data/") and "initContainers" not in gpu
        return
    (first,) = gpu["initContainers"]
    assert env(first)["STEMWISE_HOME"] == home
    assert home.startswith("/tmp/")
    assert mounts(first)["/tmp"] == mounts(gpu["containers"][0])["/tmp"]
    program, group, command, *names = first["command"]
    assert (program, group, command) == ("stemwise", "models", "pull")
    specs, _ = configuration.models(given(variant)["models"])
    assert names == [spec.name for spec in specs if spec.checkpoints]


def test_the_secret_is_the_users_and_its_example_holds_none():
    lines = (K8S / "evaluate" / "bucket.env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines)
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} <= set(example)
    assert not [name for name, value in example.items() if "KEY" in name and value]
    for pod in nodes("evaluate").values():
        (container,) = pod["containers"]
        (source,) = container["envFrom"]
        name = source["secretRef"]["name"]
        assert not source["secretRef"].get("optional")  # without it no pod starts
        for text in ((K8S / "README.md").read_text(), (ROOT / "docs" / "cluster.md").read_text()):
            assert f"kubectl create secret generic {name} --from-env-file=" in text
    for pod in nodes("evaluate-volume").values():
        assert "envFrom" not in pod["containers"][0]
    asked = yaml.safe_dump(rayjob("evaluate"))
    assert not re.search(r"AWS_|secretKeyRef", asked)  # by the Secret alone


@pytest.mark.parametrize("variant", VARIANTS)
def test_versions_are_those_of_the_package_and_of_the_service(variant):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (ray,) = [text for text in project["dependencies"] if text.startswith("ray[")]
    version = cluster_of(variant)["rayVersion"]
    assert ray.endswith(f"=={version.rpartition('.')[0]}.*")
    service = load(K8S / "one-node" / "rayservice.yaml")
    assert version == service["spec"]["rayClusterConfig"]["rayVersion"]
    assert {c["image"] for _, c in containers(variant)} == {f"stemwise:{project['version']}"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_prometheus_finds_the_port_that_ray_is_given(variant):
    check_metrics_port(cluster_of(variant))


def test_the_document_names_every_setting_of_a_cluster():
    text = (ROOT / "docs" / "cluster.md").read_text()
    for name in load(ROOT / "conf" / "cluster" / "ray.yaml"):
        assert f"`cluster.{name}" in text, name
