"""Tree files as H2O writes them rarely, or wrote them once: edited models, scored by genmodel too."""

import re
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from java_oracle import Job, read_table, run_jobs
from parity import java_double, ulps_apart
from tree_codec import NA_VS_REST, change_splits, parse_tree, turn_missing, write_tree
from zoo_coverage import read_rows
from zoo_makers.zoo_model import ZOO

Entries = dict[str, bytes]
ROWS = ZOO / "rows.csv"


def read_entries(name: str) -> Entries:
    with zipfile.ZipFile(ZOO / f"{name}.zip") as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def set_info(entries: Entries, **values: str) -> Entries:
    """Change keys of model.ini that it has."""
    text = entries["model.ini"].decode()
    for key, value in values.items():
        text, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert found == 1, key
    return entries | {"model.ini": text.encode()}


def map_trees(entries: Entries, change: Callable[[bytes], bytes]) -> Entries:
    trees = {n for n in entries if n.startswith("trees/") and not n.endswith("_aux.bin")}
    return {name: change(data) if name in trees else data for name, data in entries.items()}


def with_directions(name: str, *directions: int) -> Entries:
    """Send missing values in these directions, in turn from split to split."""
    count = iter(range(10**9))
    return map_trees(
        read_entries(name),
        lambda data: write_tree(
            change_splits(
                parse_tree(data), lambda split: turn_missing(split, directions[next(count) % len(directions)])
            )
        ),
    )


def with_widths(name: str, width: int) -> Entries:
    return map_trees(read_entries(name), lambda data: write_tree(parse_tree(data), width=width))


def as_version(name: str, version: str, *directions: int) -> Entries:
    """Rewrite for an older reader; before 1.20 sets are counted in bytes."""
    entries = with_directions(name, *directions) if directions else read_entries(name)
    if version in ("1.00", "1.10"):
        entries = map_trees(entries, lambda data: write_tree(parse_tree(data), in_bits=False))
    return set_info(entries, mojo_version=version)


def change_booster(entries: Entries, change: Callable[[bytearray], bytearray]) -> Entries:
    return entries | {"boosterBytes": bytes(change(bytearray(entries["boosterBytes"])))}


def booster_nodes(booster: bytes) -> list[int]:
    """Return where the nodes of each tree start, and how many there are."""
    at = 4 + 136
    for _ in range(2):
        at += 8 + struct.unpack_from("<q", booster, at)[0]
    (trees,), places = struct.unpack_from("<i", booster, at), []
    at += 160
    for _ in range(trees):
        (count,) = struct.unpack_from("<i", booster, at + 4)
        at += 37 * 4
        places += [at + 20 * i for i in range(count)]
        at += 36 * count
    return places


def flip_missing(booster: bytearray) -> bytearray:
    for at in booster_nodes(booster):
        booster[at + 15] ^= 0x80
    return booster


def without_magic(booster: bytearray, version: tuple[int, int], base: float) -> bytearray:
    struct.pack_into("<f", booster, 4, base)
    struct.pack_into("<ii", booster, 4 + 20, *version)
    return booster[4:]


def with_node_weights(entries: Entries) -> Entries:
    booster, at, weights = entries["boosterBytes"], 4 + 136, []
    for _ in range(2):
        at += 8 + struct.unpack_from("<q", booster, at)[0]
    (trees,) = struct.unpack_from("<i", booster, at)
    at += 160
    for tree in range(trees):
        (count,) = struct.unpack_from("<i", booster, at + 4)
        at += 37 * 4 + 36 * count
        weights.append(struct.pack(f"<i{count}d", count, *(1.1 + (7 * i + tree) % 5 for i in range(count))))
    return entries | {"auxNodeWeights": struct.pack("<i", trees) + b"".join(weights)}


VARIANTS: dict[str, tuple[Callable[[], Entries], list[str]]] = {}
SHAP, ALL = ["raw", "contributions"], ["raw", "contributions", "leaves"]
for direction in range(6):
    VARIANTS[f"direction {direction}"] = (lambda d=direction: with_directions("gbm_binomial", d), ALL)
VARIANTS |= {
    "directions in turn": (lambda: with_directions("gbm_regression", 2, 3, NA_VS_REST, 4, 5), ALL),
    "directions of many levels": (lambda: with_directions("gbm_huge", 3, 2), ALL),
    "directions of a forest": (lambda: with_directions("drf_binomial", 2, NA_VS_REST, 3), ALL),
    "sizes of 2 bytes": (lambda: with_widths("gbm_binomial", 2), ALL),
    "sizes of 3 bytes": (lambda: with_widths("gbm_binomial", 3), ALL),
    "sizes of 4 bytes": (lambda: with_widths("drf_binomial", 4), ALL),
    "version 1.00": (lambda: as_version("gbm_binomial", "1.00"), ["raw"]),
    "version 1.00, missing left": (lambda: as_version("gbm_binomial", "1.00", 2), ["raw"]),
    "version 1.00, missing right": (lambda: as_version("gbm_binomial", "1.00", 3, 3, 1), ["raw"]),
    "version 1.00 of a forest": (lambda: as_version("drf_huge", "1.00", 3), ["raw"]),
    "version 1.10": (lambda: as_version("gbm_multinomial", "1.10"), ["raw"]),
    "version 1.10, missing right": (lambda: as_version("gbm_huge", "1.10", 3, 2), ["raw"]),
    "version 1.20": (lambda: as_version("gbm_binomial", "1.20"), SHAP),
    "version 1.30": (lambda: as_version("gbm_binomial", "1.30"), ALL),
    "threshold": (lambda: set_info(read_entries("gbm_binomial"), default_threshold="0.7"), ["raw"]),
    "custom, log": (
        lambda: set_info(read_entries("gbm_regression"), distribution="custom", link_function="log"),
        ["raw"],
    ),
    "modified huber": (
        lambda: set_info(read_entries("gbm_binomial"), distribution="modified_huber"),
        ["raw"],
    ),
    "two classes as multinomial": (
        lambda: set_info(read_entries("gbm_binomial"), distribution="multinomial"),
        ["raw"],
    ),
    "xgboost, missing values the other way": (
        lambda: change_booster(read_entries("xgboost_binomial"), flip_missing),
        ALL,
    ),
    "xgboost, sparse as dense": (lambda: set_info(read_entries("xgboost_sparse"), sparse="false"), ALL),
    "xgboost, dense as sparse": (lambda: set_info(read_entries("xgboost_regression"), sparse="true"), ALL),
    "xgboost without the first levels": (
        lambda: set_info(read_entries("xgboost_binomial"), use_all_factor_levels="false"),
        ["raw"],
    ),
    "xgboost 0.9": (
        lambda: change_booster(read_entries("xgboost_regression"), lambda b: without_magic(b, (0, 90), 0.5)),
        ALL,
    ),
    "xgboost 1.2": (
        lambda: change_booster(read_entries("xgboost_binomial"), lambda b: without_magic(b, (1, 2), 0.3)),
        ALL,
    ),
    "xgboost 1.00, dart": (lambda: set_info(read_entries("xgboost_dart"), mojo_version="1.00"), ALL),
    "xgboost 1.00, dart without the first levels": (
        lambda: set_info(read_entries("xgboost_dart"), mojo_version="1.00", use_all_factor_levels="false"),
        ["raw"],
    ),
    "xgboost, other node weights": (lambda: with_node_weights(read_entries("xgboost_binomial")), SHAP),
    "xgboost, other node weights of dart": (lambda: with_node_weights(read_entries("xgboost_dart")), SHAP),
}
for link in ["logit", "ologit", "ologlog", "oprobit", "inverse", "tweedie", "identity"]:
    VARIANTS[f"custom, {link}"] = (
        lambda link=link: set_info(read_entries("gbm_regression"), distribution="custom", link_function=link),
        ["raw"],
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All variants and genmodel's answers to them, in one JVM."""
    folder, jobs = tmp_path_factory.mktemp("variants"), []
    for name, (make, kinds) in VARIANTS.items():
        mojo = folder / f"{name}.zip"
        with zipfile.ZipFile(mojo, "w") as archive:
            for entry, content in make().items():
                archive.writestr(entry, content)
        jobs += [Job(kind, mojo, ROWS, folder / f"{name}.{kind}.csv") for kind in kinds]
    run_jobs(jobs)
    return folder


def bits_of(columns: list[list[str]]) -> np.ndarray:
    return np.array([[float.fromhex(cell) for cell in column] for column in columns], np.float32).T


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_equals_java(name: str, answers: Path) -> None:
    model = mojo_scorer.load(answers / f"{name}.zip")
    records = read_rows(ROWS)
    raw = read_table(answers / f"{name}.raw.csv")
    assert not any(raw.pop("refused"))
    columns = [[*map(java_double, column)] for column in raw.values()]
    first = 1 if model.response_domain else 0
    scores = model.score(model.matrix(records))
    for at, name_ in enumerate(model.output_names):
        assert max(map(ulps_apart, scores[:, at].tolist(), columns[first + at])) == 0, name_
    if model.response_domain:
        labels = [model.response_domain[int(index)] for index in columns[0]]
        assert model.predict(records)["predict"] == labels
    kinds = VARIANTS[name][1]
    if "contributions" in kinds:
        wanted = bits_of([*read_table(answers / f"{name}.contributions.csv").values()])
        assert np.array_equal(model.contributions(records).view(np.int32), wanted.view(np.int32))
    if "leaves" in kinds:
        leaves = [*read_table(answers / f"{name}.leaves.csv").values()]
        paths, ids = model.leaf_assignment(records)
        count = len(model.tree_names)
        assert [list(column) for column in zip(*paths, strict=True)] == leaves[:count]
        assert ids is not None
        assert np.array_equal(ids, np.array(leaves[count:], np.int32).T)


def test_what_java_has_not_for_old_files(answers: Path) -> None:
    records = read_rows(ROWS)
    old = mojo_scorer.load(answers / "version 1.10.zip")
    for call in (old.contributions, old.leaf_assignment):
        with pytest.raises(mojo_scorer.UnsupportedError, match=r"before mojo_version 1\.20"):
            call(records)
    assert old.staged_predict(records).shape == (len(records), 12)
    _, ids = mojo_scorer.load(answers / "version 1.20.zip").leaf_assignment(records)
    assert ids is None
