"""Paired statistics on counts and arrays: plain mathematics that knows nothing of models.

A safe outcome is 1. b counts losses (base safe, tuned not), c gains, and the drop (b - c) / n is
positive when the tuned model is less safe. Functions return a frozen record, or ``Unavailable``
with a reason when the data cannot carry a number; wrong arguments raise ``ValueError``.
Methods, sources and measured error rates: docs/statistics.md.
"""

from backslide.stats.agreement import Agreement, cohen_kappa, gwet_ac1, percent_agreement
from backslide.stats.bootstrap import cluster_bootstrap
from backslide.stats.clusters import PairedCounts, paired_counts
from backslide.stats.conditional import ConditionalChange, conditional_change
from backslide.stats.consistency import (
    VarianceShift,
    count_variance,
    paired_variance_test,
    repeat_variance,
    variance_shift,
)
from backslide.stats.corrected import CorrectedRate, corrected_rate, ppi_rate, rogan_gladen
from backslide.stats.corrected_drops import (
    CorrectedDrop,
    corrected_drop,
    ppi_drop,
    rogan_gladen_drop,
)
from backslide.stats.differential import (
    DifferentialError,
    ErrorDifference,
    differential_error,
    differential_error_unpaired,
)
from backslide.stats.distributions import (
    binomial_cdf,
    normal_cdf,
    normal_quantile,
    regularized_beta,
    student_t_quantile,
    student_t_sf,
)
from backslide.stats.halving import Kept, Round, halving_survival, keep_best
from backslide.stats.judge_error import ErrorRate, JudgeError, error_rate, judge_error
from backslide.stats.krippendorff import krippendorff_alpha
from backslide.stats.label_plan import (
    ExpectedChange,
    allocate_labels,
    expected_change,
    expected_half_width,
    labels_needed,
    observed_change,
)
from backslide.stats.labels import (
    PAIR_CELLS,
    ArmLabels,
    LabelledPairs,
    arm_labels,
    labelled_pairs,
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
from backslide.stats.survival import (
    PairedLogRank,
    SurvivalPoint,
    kaplan_meier,
    median_time,
    paired_log_rank,
)
from backslide.stats.tango import (
    NonInferiority,
    noninferiority,
    tango_interval,
    tango_test,
    tango_upper,
)

__all__ = [
    "PAIR_CELLS",
    "Agreement",
    "ArmLabels",
    "ConditionalChange",
    "CorrectedDrop",
    "CorrectedRate",
    "DifferentialError",
    "ErrorDifference",
    "ErrorRate",
    "ExpectedChange",
    "Interval",
    "JudgeError",
    "Kept",
    "LabelledPairs",
    "MeanShift",
    "NonInferiority",
    "PairedCounts",
    "PairedLogRank",
    "PooledRate",
    "Ratio",
    "Round",
    "SurvivalPoint",
    "TestResult",
    "Unavailable",
    "VarianceShift",
    "allocate_labels",
    "arm_labels",
    "benjamini_hochberg",
    "binomial_cdf",
    "bonett_price_interval",
    "cluster_bootstrap",
    "cohen_kappa",
    "conditional_change",
    "corrected_drop",
    "corrected_rate",
    "count_variance",
    "differential_error",
    "differential_error_unpaired",
    "error_rate",
    "expected_change",
    "expected_half_width",
    "further_pairs_to_certify",
    "gwet_ac1",
    "halving_survival",
    "holm",
    "judge_error",
    "kaplan_meier",
    "keep_best",
    "krippendorff_alpha",
    "labelled_pairs",
    "labels_needed",
    "mcnemar_exact",
    "mcnemar_midp",
    "mcnemar_power",
    "median_time",
    "newcombe_interval",
    "noninferiority",
    "noninferiority_power",
    "normal_cdf",
    "normal_quantile",
    "observed_change",
    "paired_counts",
    "paired_log_rank",
    "paired_mean_difference",
    "paired_variance_test",
    "pairs_to_certify",
    "partial_pool",
    "percent_agreement",
    "ppi_drop",
    "ppi_rate",
    "regularized_beta",
    "relative_drop",
    "repeat_variance",
    "rogan_gladen",
    "rogan_gladen_drop",
    "smallest_detectable_drop",
    "student_t_quantile",
    "student_t_sf",
    "tango_interval",
    "tango_test",
    "tango_upper",
    "variance_shift",
    "wilson_interval",
]
