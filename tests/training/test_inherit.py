"""A network of other stems starts with what the old one knew: sums of its stems, to the last bit."""

from __future__ import annotations

import warnings

import pytest
import torch

from stemwise.core.errors import ConfigError
from stemwise.models import scnet
from stemwise.training.inherit import inherit, shares

FOUR = ("drums", "bass", "other", "vocals")
SIX = (*FOUR, "guitar", "piano")
NETWORK = {"dims": [4, 4, 8, 8], "num_dplayer": 2}


@pytest.mark.parametrize(("old", "new"), [(FOUR, SIX), (SIX, FOUR), (SIX, tuple(reversed(SIX)))])
def test_nothing_is_lost_and_kept_stems_stay(old, new):
    share = shares(old, new)
    assert share.shape == (len(new), len(old))
    torch.testing.assert_close(share.sum(dim=0), torch.ones(len(old)))
    for stem in {*old, *new} - {"other", "guitar", "piano"}:
        expected = torch.tensor([float(name == stem) for name in old])
        torch.testing.assert_close(share[new.index(stem)], expected)


def test_new_stems_share_the_rest_and_the_rest_takes_back_what_is_gone():
    assert shares(FOUR, SIX)[:, 2].tolist() == pytest.approx([0, 0, 1 / 3, 0, 1 / 3, 1 / 3])
    assert shares(SIX, FOUR)[2].tolist() == [0, 0, 1, 0, 1, 1]


def test_stems_without_a_rest_cannot_be_shared():
    for old, new in ((("vocals", "drums"), SIX), (SIX, ("vocals", "drums"))):
        with pytest.raises(ConfigError, match="start_stems"):
            shares(old, new)


def test_a_network_of_six_stems_adds_up_to_one_of_four():
    """SCNet's last layers are linear, so shares of weights are shares of sound."""
    torch.manual_seed(0)
    four, six = (scnet.ScnetModel.untrained(stems, NETWORK).eval() for stems in (FOUR, SIX))
    six.load_state_dict(inherit(six.state_dict(), four.state_dict(), shares(FOUR, SIX)))
    heard = 0.1 * torch.randn(1, 2, 8820)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A window was not provided")
        before, after = four(heard)[0], six(heard)[0]
    torch.testing.assert_close(
        after[[2, 4, 5]], (before[2] / 3).expand(3, -1, -1), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(after[[0, 1, 3]], before[[0, 1, 3]], atol=1e-5, rtol=0)
