"""Holm and Benjamini-Hochberg."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from backslide.stats import benjamini_hochberg, holm

# Benjamini & Hochberg (1995), section 3.2: 15 p-values of a thrombolysis trial.
THROMBOLYSIS = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
]
p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_published_rejections():
    assert (benjamini_hochberg(THROMBOLYSIS) <= 0.05).sum() == 4
    assert (holm(THROMBOLYSIS) <= 0.05).sum() == 3


@settings(max_examples=25)  # multipletests collects garbage at every call
@given(p_lists)
def test_agrees_with_statsmodels(p):
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)
    np.testing.assert_allclose(
        benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], atol=1e-12
    )


@given(p_lists)
def test_adjusting_only_raises(p):
    assert (holm(p) >= np.array(p)).all()
    assert (benjamini_hochberg(p) >= np.array(p) - 1e-15).all()
    assert (holm(p) >= benjamini_hochberg(p) - 1e-12).all()


@given(st.permutations(THROMBOLYSIS))
def test_order_does_not_matter(p):
    np.testing.assert_allclose(np.sort(holm(p)), np.sort(holm(THROMBOLYSIS)))


def test_no_test_no_value():
    assert holm([]).shape == (0,)
    assert benjamini_hochberg([]).shape == (0,)


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [0.1, float("nan")], [[0.1]]])
def test_wrong_arguments(p):
    with pytest.raises(ValueError):
        holm(p)
    with pytest.raises(ValueError):
        benjamini_hochberg(p)
