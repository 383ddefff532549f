"""Paired statistics on counts and arrays: plain mathematics that knows nothing of models.

A safe outcome is 1. b counts losses (base safe, tuned not), c gains, and the drop (b - c) / n is
positive when the tuned model is less safe. Functions return a frozen record, or ``Unavailable``
with a reason when the data cannot carry a number; wrong arguments raise ``ValueError``.
Methods, sources and measured error rates: docs/statistics.md.
"""

from backslide.stats.bootstrap import cluster_bootstrap
from backslide.stats.clusters import PairedCounts, paired_counts
from backslide.stats.consistency import (
    VarianceShift,
    count_variance,
    paired_variance_test,
    repeat_variance,
    variance_shift,
)
from backslide.stats.distributions import (
    binomial_cdf,
    normal_cdf,
    normal_quantile,
    regularized_beta,
    student_t_quantile,
    student_t_sf,
)
from backslide.stats.means import MeanShift, paired_mean_difference
from backslide.stats.multiplicity import benjamini_hochberg, holm
from backslide.stats.paired import (
    bonett_price_interval,
    mcnemar_exact,
    mcnemar_midp,
    newcombe_interval,
)
from backslide.stats.pooling import PooledRate, partial_pool
from backslide.stats.power import (
    further_pairs_to_certify,
    mcnemar_power,
    noninferiority_power,
    pairs_to_certify,
    smallest_detectable_drop,
)
from backslide.stats.rates import wilson_interval
from backslide.stats.ratio import Ratio, relative_drop
from backslide.stats.result import Interval, TestResult, Unavailable
from backslide.stats.tango import (
    NonInferiority,
    noninferiority,
    tango_interval,
    tango_test,
    tango_upper,
)

__all__ = [
    "Interval",
    "MeanShift",
    "NonInferiority",
    "PairedCounts",
    "PooledRate",
    "Ratio",
    "TestResult",
    "Unavailable",
    "VarianceShift",
    "benjamini_hochberg",
    "binomial_cdf",
    "bonett_price_interval",
    "cluster_bootstrap",
    "count_variance",
    "further_pairs_to_certify",
    "holm",
    "mcnemar_exact",
    "mcnemar_midp",
    "mcnemar_power",
    "newcombe_interval",
    "noninferiority",
    "noninferiority_power",
    "normal_cdf",
    "normal_quantile",
    "paired_counts",
    "paired_mean_difference",
    "paired_variance_test",
    "pairs_to_certify",
    "partial_pool",
    "regularized_beta",
    "relative_drop",
    "repeat_variance",
    "smallest_detectable_drop",
    "student_t_quantile",
    "student_t_sf",
    "tango_interval",
    "tango_test",
    "tango_upper",
    "variance_shift",
    "wilson_interval",
]
