#!/usr/bin/env python3
"""Writes stats.json: what SciPy and NumPy say of samples, for tests/tests/stats_reference.rs.

    python3 -m venv v && v/bin/pip install scipy==1.17.1 && v/bin/python tests/reference/stats.py

The Holm adjustment, which SciPy lacks, is by the definition in the paper.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import scipy
from scipy import stats

warnings.simplefilter("ignore")
random = np.random.default_rng(20261125)
METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
    "weibull", "linear", "median_unbiased", "normal_unbiased",
]


def plain(value):
    """As JSON has it: a list, a number, or the name of one that JSON does not have."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(each) for each in value]
    value = float(value)
    return value if math.isfinite(value) else str(value)


SAMPLES = {
    "empty": [],
    "one": [3.25],
    "two": [1.0, 4.0],
    "equal": [7.5] * 6,
    "ties": [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 10.0],
    "nan": [1.0, float("nan"), 3.0],
    "negative": [-5.0, -1.5, -0.25, 0.0, 2.0, 2.5, 9.0, 11.0],
    "normal": list(random.normal(10, 2, 25)),
    "long tail": list(random.lognormal(1, 1.5, 40)),
    "large": list(random.normal(1e9, 3, 101)),
    "nearly normal": list(random.normal(10.5, 2, 30)),
    "few": list(random.normal(9, 1, 7)),
    "others": list(random.normal(10, 4, 8)),
    "counts": [float(n) for n in random.integers(0, 6, 50)],
    "more counts": [float(n) for n in random.integers(1, 7, 12)],
}


def description(values):
    a = np.array(values)
    n = len(a)
    nan = float("nan")
    ends = lambda q: np.quantile(a, q) if n else nan
    q1, q3 = ends(0.25), ends(0.75)
    found = {
        "mean": a.mean() if n else nan,
        "median": np.median(a) if n else nan,
        "variance": a.var(ddof=1) if n > 1 else nan,
        "population_variance": a.var() if n else nan,
        "mad": stats.median_abs_deviation(a) if n else nan,
        "skew": stats.skew(a) if n else nan,
        "fences": [q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)],
        "quantiles": {
            method: [[q, np.quantile(a, q, method=method) if n else nan] for q in (0, 0.05, 0.25, 0.5, 0.6, 0.95, 1)]
            for method in METHODS
        },
        "t_interval": [
            list(stats.t.interval(c, n - 1, a.mean(), stats.sem(a))) if n > 1 else [nan, nan] for c in (0.9, 0.95, 0.99)
        ],
    }
    found["quantiles"] = {method: plain(pairs) for method, pairs in found["quantiles"].items()}
    return {name: each if name == "quantiles" else plain(each) for name, each in found.items()}


def pair(a, b):
    welch = stats.ttest_ind(a, b, equal_var=False)
    yuen = stats.ttest_ind(a, b, equal_var=False, trim=0.2)
    whitney = stats.mannwhitneyu(a, b)
    smirnov = stats.ks_2samp(a, b)
    return {
        "welch_t": plain([welch.statistic, welch.pvalue]),
        "yuen_t": plain([yuen.statistic, yuen.pvalue]),
        "mann_whitney_u": plain([whitney.statistic, whitney.pvalue]),
        "kolmogorov_smirnov": plain([smirnov.statistic, smirnov.pvalue]),
        "hodges_lehmann": plain(np.median([y - x for x in a for y in b])),
    }


def line(x, y):
    found = stats.theilslopes(y, x, 0.95)
    return plain([found.slope, found.intercept, found.low_slope, found.high_slope])


def holm(p):
    order = np.argsort(p, kind="stable")
    adjusted, least = np.empty(len(p)), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = least
    return adjusted


def bca(values, statistic, confidence):
    """An interval, with the resampled figures it was made of."""
    drawn = random.integers(0, len(values), (300, len(values)))
    resampled = statistic(np.array(values)[drawn], axis=-1)

    class Given:
        bootstrap_distribution = resampled

    found = stats.bootstrap(
        (values,), statistic, n_resamples=0, bootstrap_result=Given, confidence_level=confidence, method="BCa",
    )
    return {"resampled": plain(resampled), "interval": plain(list(found.confidence_interval))}


usable = [name for name in SAMPLES if len(SAMPLES[name]) > 1 and name != "nan"]
p_values = [list(random.uniform(0, 1, n) ** 3) for n in (1, 2, 7, 40)] + [[0.04, 0.04, 0.01, 1.0, 0.0]]
xs = list(random.uniform(0, 20, 30))
LINES = [
    (xs, [2 * x + 1 + e for x, e in zip(xs, random.normal(0, 3, 30))]),
    ([1.0, 1.0, 2.0, 3.0, 3.0, 5.0], [2.0, 2.0, 2.5, 7.0, 1.0, 9.0]),
    ([0.0, 1.0], [5.0, 3.0]),
]
vectors = {
    "source": f"scipy {scipy.__version__}, numpy {np.__version__}",
    "samples": {name: plain(values) for name, values in SAMPLES.items()},
    "descriptions": {name: description(values) for name, values in SAMPLES.items()},
    "pairs": [
        {"a": a, "b": b, **pair(SAMPLES[a], SAMPLES[b])} for a in usable for b in usable if a != b
    ],
    "lines": [{"x": plain(x), "y": plain(y), "line": line(x, y)} for x, y in LINES],
    "multiple": [
        {"p": plain(p), "holm": plain(holm(np.array(p))), "benjamini_hochberg": plain(stats.false_discovery_control(p))}
        for p in p_values
    ],
    "bootstrap": [
        {"sample": name, "statistic": statistic.__name__, "confidence": confidence,
         **bca(SAMPLES[name], statistic, confidence)}
        for name in ("normal", "long tail", "few")
        for statistic in (np.mean, np.median)
        # Of seven values many resamples have the sample's own mean, but for its last bit, which decides.
        if not (name == "few" and statistic is np.mean)
        for confidence in (0.9, 0.95)
    ],
}
text = json.dumps(vectors, separators=(",", ":"))
pathlib.Path(__file__).with_suffix(".json").write_text(text.replace('},{"', '},\n{"') + "\n")
