"""Profiles of the service, changes to them, and the application builder's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stemwise.core.config import conf_dir, load_yaml
from stemwise.core.errors import ConfigError
from stemwise.serving.settings import DATABASE, FILES, STATE, AppArgs

PROFILES = sorted(path.stem for path in (conf_dir() / "serve").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    for name in (STATE, DATABASE, FILES):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_says_everything(profile: str) -> None:
    loaded = AppArgs(profile=profile).load()
    assert loaded.model_dump() == load_yaml(conf_dir() / "serve" / f"{profile}.yaml")
    for name in loaded.models:
        assert loaded.for_model(name).device == loaded.separator.device
    assert loaded.separator.min_replicas <= loaded.separator.max_replicas


def test_changes_reach_single_keys_and_leave_the_rest() -> None:
    before = AppArgs().load()
    changes = {"limits": {"max_upload_mb": 5}, "separator": {"threads": 2}}
    after = AppArgs(settings=changes).load()
    assert after.limits.max_upload_mb == 5 and after.separator.threads == 2
    assert after.limits.model_copy(update={"max_upload_mb": 200.0}) == before.limits
    assert after.separator.max_batch == before.separator.max_batch
    assert AppArgs().load() == before  # nothing sticks


def test_one_model_may_differ() -> None:
    loaded = AppArgs(settings={"models": {"drumsep": {"threads": 3, "device": "cuda"}}}).load()
    assert (loaded.for_model("drumsep").threads, loaded.for_model("drumsep").device) == (3, "cuda")
    assert loaded.for_model("drumsep").max_batch == loaded.separator.max_batch
    assert loaded.for_model("other") == loaded.separator
    half = AppArgs(settings={"models": {"drumsep": {"precision": "fp16"}}}).load()
    assert (half.for_model("drumsep").precision, half.separator.precision) == ("fp16", "auto")
    gpu = AppArgs(profile="gpu", settings={"models": {"scnet_large": {"threads": 2}}}).load()
    assert (gpu.for_model("scnet_large").num_gpus, gpu.for_model("scnet_large").threads) == (
        0.25,
        2,
    )


@pytest.mark.parametrize("models", [{}, None])
def test_no_models_differ(models: Any) -> None:
    assert AppArgs(settings={"models": models}).load().models == {}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"limits": {"max_upload": 1}}, "limits.max_upload"),
        ({"limit": {"max_upload_mb": 1}}, "limit"),
        ({"limits": {"max_upload_mb": 0}}, "limits.max_upload_mb"),
        ({"limits": {"max_upload_mb": "big"}}, "limits.max_upload_mb"),
        ({"limits": {"max_upload_mb": None}}, "limits.max_upload_mb"),
        ({"limits": {"max_upload_mb": float("inf")}}, "limits.max_upload_mb"),
        ({"limits": {"max_wait_s": float("nan")}}, "limits.max_wait_s"),
        ({"limits": {"decodes": 1.5}}, "limits.decodes"),
        ({"limits": 5}, "limits"),
        ({"limits": None}, "limits"),
        ({"jobs": {"lease_s": -1}}, "jobs.lease_s"),
        ({"models": 5}, "models"),
        ({"models": {"drumsep": 5}}, "models.drumsep"),
        ({"models": {"drumsep": {"thread": 1}}}, "models.drumsep: thread "),
        ({"models": {"drumsep": {"threads": -1}}}, "models.drumsep: threads "),
        ({"separator": {"precision": "half"}}, "separator.precision"),
        ({"models": {"drumsep": {"precision": 16}}}, "models.drumsep: precision "),
        ({"": 1}, ""),
    ],
)
def test_an_error_names_the_key_in_one_sentence(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as error:
        AppArgs(settings=changes).load()
    text = str(error.value)
    assert f"{named}" in text and "\n" not in text and text.endswith(".")


@pytest.mark.parametrize("profile", ["none", "", "../serve/cpu", "cpu.yaml"])
def test_an_unknown_profile_names_those_that_there_are(profile: str) -> None:
    with pytest.raises(ConfigError, match=f"{', '.join(PROFILES)}"):
        AppArgs(profile=profile).load()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("demo", ["demo"]),
        ("demo, demo_scnet", ["demo", "demo_scnet"]),
        ("demo,,", ["demo"]),
        ("", []),
        (["a,b.yaml"], ["a,b.yaml"]),  # a list is taken as it is
    ],
)
def test_lists_may_be_text(given: Any, names: list[str]) -> None:
    assert AppArgs(recipes=given, allowed_hosts=given).recipes == names
    assert AppArgs(recipes=given, allowed_hosts=given).allowed_hosts == names


def test_arguments_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValidationError, match="recipe"):
        AppArgs(**{"recipe": "demo"})


def test_arguments_survive_the_way_to_a_replica() -> None:
    args = AppArgs(recipes="a,b", state="/x", settings={"limits": {"decodes": 1}})
    assert AppArgs(**args.model_dump()) == args


def test_where_things_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = AppArgs()
    assert args.state_folder() == tmp_path / "home" / "serve"
    assert args.database_url() == f"sqlite:///{tmp_path}/home/serve/jobs.sqlite3"
    assert args.files_url() == f"{tmp_path}/home/serve/files"
    monkeypatch.chdir(tmp_path)
    assert AppArgs(state="here").state_folder() == tmp_path / "here"
    monkeypatch.setenv(STATE, str(tmp_path / "variable"))
    monkeypatch.setenv(DATABASE, "postgresql://db/jobs")
    monkeypatch.setenv(FILES, "s3://bucket")
    assert args.state_folder() == tmp_path / "variable"
    assert (args.database_url(), args.files_url()) == ("postgresql://db/jobs", "s3://bucket")
    chosen = AppArgs(state="/s", database="sqlite:////d", files="/f")
    assert chosen.state_folder() == Path("/s")
    assert (chosen.database_url(), chosen.files_url()) == ("sqlite:////d", "/f")
