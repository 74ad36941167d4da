"""The main job from Python in a process whose Ray is the user's."""

from __future__ import annotations

import pytest

import stemwise

from ..conftest import make_song

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("session_ray", "unrendered")]


def test_the_users_ray_is_used_and_left_as_it_was(tmp_path):
    import ray
    from ray.data import DataContext

    node, context = ray.get_runtime_context().get_node_id(), DataContext.get_current()
    before = context.enable_progress_bars
    make_song(tmp_path / "songs" / "song", 0, 1.0)
    dataset = {"name": "folder", "root": tmp_path / "songs"}
    run = stemwise.evaluate(
        dataset, "band_split", tmp_path / "run", verbose=False, cluster={"actors": 1}
    )
    assert set(run.scores["status"]) == {"ok"}
    assert ray.get_runtime_context().get_node_id() == node
    assert context.enable_progress_bars == before
