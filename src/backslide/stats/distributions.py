"""Normal, Student t, beta and binomial probabilities from ``math`` alone."""

from __future__ import annotations

import math
from statistics import NormalDist

from backslide.stats.arguments import require_probability

_STANDARD_NORMAL = NormalDist()
_TINY = 1e-300


def normal_cdf(x: float) -> float:
    """P(Z <= x) for a standard normal Z, accurate in both tails (Abramowitz & Stegun 7.1.22)."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_quantile(p: float) -> float:
    """The x with P(Z <= x) = p (Wichura 1988, algorithm AS 241). ``ValueError`` outside (0, 1)."""
    require_probability("p", p)
    return _STANDARD_NORMAL.inv_cdf(p)


def regularized_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the cdf of a Beta(a, b) variable at x (DLMF 8.17).

    ``a`` or ``b`` may be 0, where the distribution is a point mass at 0 or at 1. That limit is
    what lets binomial tails take effective counts, which need not be whole numbers.
    """
    if not (0.0 <= x <= 1.0 and a >= 0.0 and b >= 0.0 and a + b > 0.0):
        raise ValueError(f"I_x(a, b) is not defined for x={x}, a={a}, b={b}")
    if x == 1.0 or a == 0.0:
        return 1.0
    if x == 0.0 or b == 0.0:
        return 0.0
    # The continued fraction converges fast only below the mean; above it use the symmetry.
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_below_mean(1.0 - x, b, a)
    return _beta_below_mean(x, a, b)


def _beta_below_mean(x: float, a: float, b: float) -> float:
    log_front = a * math.log(x) + b * math.log1p(-x) - math.log(a)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return min(1.0, math.exp(log_front - log_beta) / _beta_fraction(x, a, b))


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, by Lentz's method."""
    value, ratio, inverse = 1.0, 1.0, 0.0
    for step in range(1, 100_000):
        half, odd = divmod(step, 2)
        if odd:
            coefficient = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            coefficient = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        inverse = 1.0 / ((1.0 + coefficient * inverse) or _TINY)
        ratio = (1.0 + coefficient / ratio) or _TINY
        value *= ratio * inverse
        if abs(ratio * inverse - 1.0) < 1e-15:
            return value
    raise ArithmeticError(f"the incomplete beta function did not converge: {x}, {a}, {b}")


def binomial_cdf(k: float, n: float, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p) (DLMF 8.17.5), continued smoothly to fractions.

    ``k`` and ``n`` may be effective counts. ``ValueError`` if n < 0 or p is outside [0, 1].
    """
    if not (n >= 0.0 and 0.0 <= p <= 1.0):
        raise ValueError(f"no binomial distribution has n={n} and p={p}")
    if k < 0.0:
        return 0.0
    if k >= n:
        return 1.0
    return regularized_beta(1.0 - p, n - k, k + 1.0)


def student_t_sf(t: float, df: float) -> float:
    """P(T > t) for Student's t with ``df`` > 0 degrees of freedom, not necessarily whole."""
    if not df > 0.0:
        raise ValueError(f"degrees of freedom must be positive, not {df}")
    # Near the centre 1 - I keeps the digits of t^2/df; in the tail only I itself keeps its own.
    if t * t < 3.0:
        tail = 0.5 * (1.0 - regularized_beta(t * t / (df + t * t), 0.5, df / 2.0))
    else:
        tail = 0.5 * regularized_beta(df / (df + t * t), df / 2.0, 0.5)
    return tail if t >= 0.0 else 1.0 - tail


def student_t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p. ``ValueError`` outside (0, 1) or if df <= 0."""
    require_probability("p", p)
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -student_t_quantile(1.0 - p, df)
    # The upper tail is convex and heavier than the normal one: Newton's method that starts at
    # the normal quantile climbs to the root without ever passing it.
    t = normal_quantile(p)
    for _ in range(200):
        step = (student_t_sf(t, df) - (1.0 - p)) / _student_t_density(t, df)
        t += step
        if abs(step) < 1e-13 * t:
            break
    return t


def _student_t_density(t: float, df: float) -> float:
    log_constant = math.lgamma((df + 1.0) / 2.0) - math.lgamma(df / 2.0)
    power = (df + 1.0) / 2.0 * math.log1p(t * t / df)
    return math.exp(log_constant - power) / math.sqrt(df * math.pi)
