"""scikit-learn's learners on given folds.

Reads problems, one JSON object per line {"x", "y", "fold", "kind", "alpha", "trees", "share", "depth", "rate", "seed"}, and
answers each with a prediction of every row, by a model trained without the row's fold, and the time in seconds. The target of
each training set is standardised to mean 0 and variance 1; for linear models the features are too.
"""
import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor  # noqa: E402
from sklearn.linear_model import Lasso, Ridge  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402


def learner(p):
    if p["kind"] == "ridge":
        return make_pipeline(StandardScaler(), Ridge(alpha=p["alpha"]))
    if p["kind"] == "lasso":
        return make_pipeline(StandardScaler(), Lasso(alpha=p["alpha"], max_iter=100000, tol=1e-10))
    if p["kind"] == "forest":
        return RandomForestRegressor(n_estimators=p["trees"], max_features=float(p["share"]), random_state=p["seed"], n_jobs=1)
    return GradientBoostingRegressor(n_estimators=p["trees"], max_depth=p["depth"], learning_rate=p["rate"], random_state=p["seed"])


for line in sys.stdin:
    p = json.loads(line)
    x, y, fold = np.array(p["x"]), np.array(p["y"]), np.array(p["fold"])
    out = np.full(len(y), np.nan)
    begin = time.perf_counter()
    for f in np.unique(fold):
        train, test = fold != f, fold == f
        mean, scale = y[train].mean(), y[train].std() or 1.0
        model = learner(p).fit(x[train], (y[train] - mean) / scale)
        out[test] = mean + scale * model.predict(x[test])
    print(json.dumps({"predicted": out.tolist(), "seconds": time.perf_counter() - begin, "version": sklearn.__version__}), flush=True)
