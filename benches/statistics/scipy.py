# For each line "FILE", prints the time of scipy.stats.trim_mean of its doubles in ns, and the result. The best of three:
# the first pays for a processor that slept while the other side had its turn.
import sys
import time

import numpy as np
from scipy import stats

samples = {}
for line in sys.stdin:
    name = line.strip()
    if name not in samples:
        samples[name] = np.fromfile(name)
    took = []
    for _ in range(3):
        start = time.perf_counter_ns()
        mean = stats.trim_mean(samples[name], 0.1)
        took.append(time.perf_counter_ns() - start)
    print(min(took), repr(float(mean)), flush=True)
