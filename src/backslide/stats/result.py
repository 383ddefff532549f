"""The records that the statistics return: an interval, a test, or the reason why there is none.

A number that could not be computed is never NaN and never a default. A function that may lack
data returns ``Unavailable`` with a sentence that a report can print; a function that was called
wrongly (negative counts, a confidence of 95) raises ``ValueError``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval: ``low <= high``, both finite, at the two-sided ``confidence``."""

    low: float
    high: float
    confidence: float
    method: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"not an interval: ({self.low}, {self.high})")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No number, and why: the data are too few or carry no information on the quantity."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """A p-value, with the test statistic where the method has one."""

    # pytest would otherwise try to collect this class wherever a test imports it.
    __test__: ClassVar[bool] = False

    p: float
    statistic: float | None
    method: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"not a p-value: {self.p}")
