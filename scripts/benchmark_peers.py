"""Other scorers of tree models on a model of the same size: LightGBM, XGBoost, ONNX Runtime and treelite.

They are no part of this project: `measure_peers` installs them into an environment of their own in `home`,
where this file then runs as a program. One thread each; rows as float32 arrays, categories as numbers.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# NumPy as in versions.env, the others the newest on the day in `peer_environment`
PACKAGES = ["numpy==2.4.6", "lightgbm==4.7.0", "xgboost==3.2.0", "treelite==4.8.1"]
PACKAGES += ["onnxruntime==1.32.0", "onnxmltools==1.16.0", "skl2onnx==1.20.0", "onnx==1.23.2"]
TREES, DEPTH, SEED = 1000, 10, 1


def measure_peers(home: Path) -> dict[str, dict[str, float]]:
    """single_row_us (one row per call) and batch_us_per_row (2000 rows per call) of each."""
    from flight_models import CATEGORICAL, FEATURES, LATE_MINUTES, flights, write_rows
    from peer_environment import make_environment

    python = make_environment(home / "peers", PACKAGES) / "python"
    table = home / "flights.csv"
    if not table.exists():
        rows = flights()
        codes = {
            name: {level: i for i, level in enumerate(sorted({r[name] for r in rows}))}
            for name in CATEGORICAL
        }
        coded = ({**r, **{name: codes[name][r[name]] for name in codes}} for r in rows)
        late = ({**r, "late": int(float(r["arr_delay"]) > LATE_MINUTES)} for r in coded)
        write_rows(table, late, [*FEATURES, "late"])
    done = subprocess.run([str(python), __file__, str(table)], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def best_us(call: Callable[[], object], rows: int, seconds: float = 1.0) -> float:
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        call()
        best = min(best, time.perf_counter() - start)
    return best / rows * 1e6


def main(table: Path) -> None:
    import lightgbm
    import numpy as np
    import onnxruntime
    import treelite
    import xgboost
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    data = np.genfromtxt(table, delimiter=",", skip_header=1, dtype=np.float32)
    features, late = np.ascontiguousarray(data[:, :-1]), data[:, -1]
    rows = np.ascontiguousarray(features[:: len(features) // 2000][:2000])
    singles = [rows[i : i + 1] for i in range(500)]

    options = {"objective": "binary", "max_depth": DEPTH, "num_leaves": 2**DEPTH, "learning_rate": 0.01}
    options |= {"min_data_in_leaf": 10, "seed": SEED, "verbosity": -1}
    light = lightgbm.train(options, lightgbm.Dataset(features, late), TREES)
    options = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.01, "seed": SEED}
    boost = xgboost.train(options, xgboost.DMatrix(features, late), TREES)
    boost.set_param({"nthread": 1})
    onnx = convert_lightgbm(
        light, initial_types=[("rows", FloatTensorType([None, features.shape[1]]))], zipmap=False
    )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    lite = treelite.frontend.from_lightgbm(light)
    calls: dict[str, Callable[[np.ndarray], object]] = {
        "lightgbm": lambda x: light.predict(x, num_threads=1),
        "xgboost": boost.inplace_predict,
        "onnxruntime": lambda x: session.run(None, {"rows": x}),
        "treelite": lambda x: treelite.gtil.predict(lite, x, nthread=1),
    }
    result = {
        name: {
            "single_row_us": best_us(lambda c=call: [c(row) for row in singles], len(singles)),
            "batch_us_per_row": best_us(lambda c=call: c(rows), len(rows)),
        }
        for name, call in calls.items()
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
