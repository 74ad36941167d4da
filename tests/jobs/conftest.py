"""Jobs write dozens of reports: their figures are drawn, and rendered only where that is looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import leave_figures_unrendered


@pytest.fixture(scope="module", autouse=True)
def _unrendered(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave figures unrendered, but for the runs on Ray, which are the real thing throughout."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.path.name.endswith("_on_ray.py"):
            leave_figures_unrendered(patch)
        yield
