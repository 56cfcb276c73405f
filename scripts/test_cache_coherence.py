"""Prove that a swap leaves no stale answer in the cache.

`python scripts/test_cache_coherence.py [--redis-url URL] [--model-v1 PATH --model-v2 PATH] [--rows 200]
[--callers 8] [--output FILE]` starts a server with `cache = always` on a registry of its own, and

1. populate: every row is asked until Redis answers it (X-Cache: hit), with the scores of version 1;
2. swap: version 2 becomes the champion while callers go on asking;
3. new prefix: every row is asked again, its new key appears, the old one is out of reach;
4. no stale answer: no request sent after the server served version 2 gets scores of version 1, and no answer
   names one version and holds the scores of the other;
5. invalidation: how long it takes from the moved alias to the first answer of version 2.

PATH is a MOJO or the directory of a version. Without them the two newest versions of a model in the registry
of the settings are taken (of the demo: champion and previous), or two small ones that come with the tests.
Models that agree on the rows prove nothing and are refused. Keys of others in that Redis stay. Ends with 1 if
something is not as it must be.
"""

import argparse
import json
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import redis
from api_process import ApiProcess
from option_types import count, existing_path
from orderly_end import end_in_order
from rich.console import Console
from rich.table import Table
from scratch_servers import TINY, draw_rows, publish_mojo, scratch_place, scratch_redis

from mojoline.errors import MojolineError
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.registry.manifest import MOJO, Manifest
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.settings import load_settings

MODEL = "coherence"
FOREIGN = "somebody-else"
SWAP_AFTER_SECONDS = 1.0
PATIENCE = 30.0


class Callers:
    """Threads that ask single rows until told to stop; `answers` holds what each was told, and when."""

    def __init__(self, url: str, rows: list[dict], count: int) -> None:
        self.answers: list[tuple[float, float, int, str, str, list[float]]] = []
        self.errors: list[str] = []
        self._url, self._rows = url, rows
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No request after this."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self, number: int) -> None:
        random = np.random.default_rng(number)
        with httpx.Client(base_url=self._url, trust_env=False, timeout=PATIENCE) as client:
            while not self._stopped.is_set():
                row = int(random.integers(len(self._rows)))
                sent = time.monotonic()
                response = ask(client, self._rows[row])
                if response.status_code != httpx.codes.OK:
                    self.errors.append(response.text)
                    continue
                version, scores = read(response)
                state = response.headers.get("X-Cache", "")
                self.answers.append((sent, time.monotonic(), row, version, state, scores))


def ask(client: httpx.Client, row: dict) -> httpx.Response:
    return client.post("/predict", json={"model": MODEL, "rows": [row]})


def read(response: httpx.Response) -> tuple[str, list[float]]:
    content = response.json()
    [prediction] = content["predictions"]
    found = prediction.get("probabilities") or prediction.get("values") or {"value": prediction.get("value")}
    return content["model_version"], list(found.values())


def ask_until_hit(url: str, rows: list[dict], expected: np.ndarray, version: str) -> int:
    """Ask each row until it comes from Redis; how many answers were not those of `version`."""
    wrong = 0
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        for row, scores in zip(rows, expected, strict=True):
            deadline = time.monotonic() + PATIENCE
            while True:
                response = ask(client, row).raise_for_status()
                wrong += read(response) != (version, scores.tolist())
                if response.headers.get("X-Cache") == "hit":
                    break
                if time.monotonic() > deadline:
                    raise SystemExit(f"a row is never answered from Redis: {response.headers.get('X-Cache')}")
                time.sleep(0.005)
    return wrong


def promote(registry: FilesystemRegistry, version: str) -> int:
    """Move the alias; the new generation."""
    before = registry.aliases(MODEL).generation
    moved = registry.move_champion(
        MODEL, version, expected_generation=before, by="test_cache_coherence", reason="to be proven"
    )
    return moved.generation


def prove(
    registry: FilesystemRegistry,
    api: ApiProcess,
    store: redis.Redis,
    versions: list[Manifest],
    options: argparse.Namespace,
) -> dict:
    """The five steps; the report."""
    first, second = (manifest.version for manifest in versions)
    if first == second:
        raise SystemExit("the two models are the same: a stale answer could not be told")
    models = [
        ScoringModel.load(registry.directory(MODEL, m.version) / MOJO, m.reduction.impute) for m in versions
    ]
    rows = draw_rows(models[0], options.rows)
    expected = {version: model.score(rows) for version, model in zip((first, second), models, strict=True)}
    same = int(sum(a.tolist() == b.tolist() for a, b in zip(*expected.values(), strict=True)))
    if same * 100 > len(rows):
        raise SystemExit(
            f"the two models agree on {same} of {len(rows)} rows: a stale answer could not be told"
        )
    api.sync(MODEL, promote(registry, first))
    wrong = ask_until_hit(api.url, rows, expected[first], first)
    old = keys(store, first)
    callers = Callers(api.url, rows, options.callers)
    time.sleep(SWAP_AFTER_SECONDS)
    moved = time.monotonic()
    api.sync(MODEL, promote(registry, second), step=0.002)
    served = time.monotonic()
    wrong += ask_until_hit(api.url, rows, expected[second], second)
    callers.stop()
    answers = callers.answers
    stale = [
        a for a in answers if a[0] > served and (a[3] == first or a[5] == expected[first][a[2]].tolist())
    ]
    mixed = [a for a in answers if a[5] != expected[a[3]][a[2]].tolist()]
    new = [a[1] for a in answers if a[3] == second]
    return {
        "version_1": first,
        "version_2": second,
        "rows": len(rows),
        "requests": len(answers),
        "hits": sum(a[4] == "hit" for a in answers),
        "errors": len(callers.errors),
        "stale": len(stale),
        "mixed_versions": len(mixed) + wrong,
        "invalidation_ms": round(1000 * (min(new) - moved), 1) if new else None,
        "old_keys": len(old),
        "new_keys": len(keys(store, second)),
        "old_keys_without_ttl": sum(store.pttl(key) == -1 for key in old),
        "foreign_keys_lost": int(store.get(FOREIGN) != b"kept"),
    }


def keys(store: redis.Redis, version: str) -> list[bytes]:
    return list(store.scan_iter(f"mojoline:{{{MODEL}}}:v{version}:pred:*", count=1000))


def two_models(options: argparse.Namespace) -> list[Path]:
    """The two that are asked for, or two of the demo, or two small ones."""
    if options.model_v1 and options.model_v2:
        return [options.model_v1, options.model_v2]
    registry = open_registry(load_settings().registry_url)
    try:
        for name in registry.names():
            aliases = registry.aliases(name)
            if aliases.champion and aliases.previous:
                return [registry.directory(name, e.version) for e in (aliases.previous, aliases.champion)]
    except MojolineError as error:
        print(f"the registry of the settings is not used: {error}")
    return [TINY / "first", TINY / "second"]


def holds(report: dict) -> bool:
    zero = ("errors", "stale", "mixed_versions", "old_keys_without_ttl", "foreign_keys_lost")
    least = report["rows"]
    return not any(report[name] for name in zero) and min(report["old_keys"], report["new_keys"]) >= least


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--redis-url", metavar="URL", help="by default one is started for the purpose")
    parser.add_argument("--model-v1", type=existing_path, metavar="PATH")
    parser.add_argument("--model-v2", type=existing_path, metavar="PATH")
    parser.add_argument("--rows", type=count, default=200)
    parser.add_argument("--callers", type=count, default=8)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")
    options = parser.parse_args()
    end_in_order()
    if (options.model_v1 is None) != (options.model_v2 is None):
        parser.error("give both models or none")
    if options.redis_url:
        try:
            redis.Redis.from_url(options.redis_url).ping()
        except (redis.RedisError, ValueError) as error:
            parser.error(f"argument --redis-url: Redis does not answer: {error}")
    with scratch_place() as place, scratch_redis(options.redis_url) as url:
        registry = open_registry(f"file://{place}/registry")
        versions = [
            publish_mojo(registry, MODEL, path, place / f"draft{number}")
            for number, path in enumerate(two_models(options))
        ]
        with redis.Redis.from_url(url) as store:
            store.set(FOREIGN, "kept", ex=600)
            settings = {
                "REDIS_URL": url,
                "MOJOLINE_CACHE__MODE": "always",
                "MOJOLINE_CACHE__TIMEOUT_MS": "200",  # the machine may be busy, and this is not about speed
            }
            with ApiProcess(registry.root, place / "home", settings) as api:
                report = prove(registry, api, store, versions, options)
    table = Table("figure", "value")
    for name, value in report.items():
        table.add_row(name, str(value))
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if holds(report) else 1


if __name__ == "__main__":
    sys.exit(main())
