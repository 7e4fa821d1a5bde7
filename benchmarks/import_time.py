"""What ``import sparsesci`` costs, against what users of scientific Python are used to."""

import statistics
import subprocess
import sys
import time

ROUNDS = 7


def _seconds(statement):
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - begin


class Import:
    """Fresh interpreters, one after the other in turn; the interpreter's own start is taken off."""

    timeout = 300

    def track_ratio_to_sklearn_linear_model(self):
        """Time of ``import sparsesci`` over that of ``import sklearn.linear_model``; to stay below 0.2."""
        statements = ("pass", "import sparsesci", "import sklearn.linear_model")
        for statement in statements:
            _seconds(statement)
        rounds = [[_seconds(statement) for statement in statements] for _ in range(ROUNDS)]
        nothing, ours, theirs = (statistics.median(times) for times in zip(*rounds))
        return max(0.0, ours - nothing) / (theirs - nothing)

    track_ratio_to_sklearn_linear_model.unit = "ratio"
