"""The Serve configs of deployments/ and what they build, without a Ray."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from stemwise.core.errors import ConfigError

pytest.importorskip("ray.serve")
from ray.serve._private.build_app import build_app
from ray.serve.schema import ServeDeploySchema

from stemwise.serving.app import build
from stemwise.serving.settings import AppArgs

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.name for path in (ROOT / "deployments").glob("*.yaml"))
MODELS = {
    "demo.yaml": {"demo_htdemucs", "demo_scnet", "demo_melband", "demo_drumsep"},
    "paper.yaml": {
        *("melband_roformer_vocals", "melband_roformer_karaoke"),
        *("scnet_large", "htdemucs_6s", "drumsep"),
    },
}
MODELS["cluster.yaml"] = MODELS["paper.yaml"]


def arguments(name: str) -> AppArgs:
    schema = ServeDeploySchema(**yaml.safe_load((ROOT / "deployments" / name).read_text()))
    (application,) = schema.applications
    return AppArgs(**application.args)


def built(args: AppArgs) -> dict[str, Any]:
    app = build_app(build(args), name="stemwise")
    assert app.ingress_deployment_name == "ingress"
    return {deployment.name: deployment for deployment in app.deployments}


def scaling(deployment: Any) -> tuple[int, int]:
    config = deployment._deployment_config.autoscaling_config
    if config is None:
        return deployment.num_replicas, deployment.num_replicas
    return config.min_replicas, config.max_replicas


@pytest.mark.parametrize("name", NAMES)
def test_a_config_is_what_serve_deploys(name):
    schema = ServeDeploySchema(**yaml.safe_load((ROOT / "deployments" / name).read_text()))
    (application,) = schema.applications
    assert (application.name, application.route_prefix) == ("stemwise", "/")
    # what an installed package has, not what lies in a working directory
    module, _, attribute = application.import_path.partition(":")
    assert getattr(importlib.import_module(module), attribute) is build
    # a machine is reached from itself only; k8s has its own host
    assert (schema.http_options.host, schema.http_options.port) == ("127.0.0.1", 8000)
    assert schema.logging_config.encoding == "JSON"


def test_the_checkouts_import_target_is_the_same_builder():
    path = ROOT / "deployments" / "separation.py"
    spec = importlib.util.spec_from_file_location("separation_target", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.build is build


@pytest.mark.parametrize("name", NAMES)
def test_a_config_builds_the_graph_with_the_resources_of_its_profile(name):
    args = arguments(name)
    settings, deployments = args.load(), built(args)
    assert set(deployments) == {"ingress", "ensemble"} | {f"model-{m}" for m in MODELS[name]}
    for part in ("ingress", "ensemble"):
        wanted = getattr(settings, part)
        assert deployments[part].ray_actor_options == {"num_cpus": wanted.num_cpus}
        assert scaling(deployments[part]) == (wanted.replicas, wanted.replicas)
    for model in MODELS[name]:
        wanted, deployment = settings.for_model(model), deployments[f"model-{model}"]
        options = dict(deployment.ray_actor_options)
        assert "MALLOC_TRIM_THRESHOLD_" in options.pop("runtime_env")["env_vars"]
        assert options == {
            "num_cpus": wanted.num_cpus,
            "num_gpus": wanted.num_gpus,
            "memory": wanted.memory_mb * 1e6,
        }
        assert scaling(deployment) == (wanted.min_replicas, wanted.max_replicas)


def booked(name: str, resource: str) -> float:
    deployments = built(arguments(name)).values()
    return sum(d.ray_actor_options.get(resource, 0) * scaling(d)[0] for d in deployments)


def test_the_demo_fits_on_two_cores_without_a_gpu():
    assert booked("demo.yaml", "num_cpus") <= 2
    assert booked("demo.yaml", "num_gpus") == 0
    hosts = arguments("demo.yaml").allowed_hosts
    assert set(hosts) == {"localhost", "127.0.0.1", "::1"}


def test_the_paper_fits_on_one_gpu_and_asks_for_no_second_one():
    assert booked("paper.yaml", "num_gpus") == pytest.approx(1)
    assert booked("paper.yaml", "num_cpus") <= 8
    for deployment in built(arguments("paper.yaml")).values():
        assert len(set(scaling(deployment))) == 1


def test_a_cluster_books_fractions_of_gpus_and_grows():
    deployments = built(arguments("cluster.yaml"))
    shares = {name: d.ray_actor_options.get("num_gpus", 0) for name, d in deployments.items()}
    assert shares["model-scnet_large"] == 0.25 and shares["model-drumsep"] == 0.125
    assert shares["ingress"] == shares["ensemble"] == 0
    assert booked("cluster.yaml", "num_gpus") == pytest.approx(1)  # the first replicas
    assert scaling(deployments["model-scnet_large"]) == (1, 8)
    # passwords are in the environment; Serve shows the arguments
    assert arguments("cluster.yaml").database is arguments("cluster.yaml").files is None


def test_wrong_arguments_are_refused_before_anything_starts():
    with pytest.raises(ValidationError, match="recipe_"):
        AppArgs(recipe_="demo")
    with pytest.raises(ConfigError, match="no profile 'tpu'"):
        build(AppArgs(profile="tpu"))
    with pytest.raises(ConfigError, match=r"limits\.max_upload"):
        build(AppArgs(settings={"limits": {"max_upload": 1}}))
    with pytest.raises(ConfigError, match=r"models\.demo_scnet: num_gpus"):
        build(AppArgs(settings={"models": {"demo_scnet": {"num_gpus": -1}}}))


def test_settings_of_one_model_reach_its_deployment_only():
    settings = {"models": {"demo_scnet": {"max_replicas": 3, "num_cpus": 0.5}}}
    deployments = built(AppArgs(settings=settings))
    assert scaling(deployments["model-demo_scnet"]) == (1, 3)
    assert deployments["model-demo_scnet"].ray_actor_options["num_cpus"] == 0.5
    assert scaling(deployments["model-demo_melband"]) == (1, 1)


def test_the_environment_stands_in_for_what_is_not_given(tmp_path, monkeypatch):
    given = SimpleNamespace(state=tmp_path / "here", database="sqlite:////x/y", files="s3://b/c")
    monkeypatch.setenv("STEMWISE_STATE", str(tmp_path / "there"))
    args = AppArgs()
    assert args.state_folder() == tmp_path / "there"
    assert args.database_url() == f"sqlite:///{tmp_path / 'there' / 'jobs.sqlite3'}"
    assert args.files_url() == str(tmp_path / "there" / "files")
    monkeypatch.setenv("STEMWISE_DATABASE", "postgresql+psycopg://")
    monkeypatch.setenv("STEMWISE_FILES", "s3://bucket/prefix")
    assert args.database_url() == "postgresql+psycopg://"
    assert args.files_url() == "s3://bucket/prefix"
    args = AppArgs(state=str(given.state), database=given.database, files=given.files)
    assert args.state_folder() == given.state
    assert (args.database_url(), args.files_url()) == (given.database, given.files)
