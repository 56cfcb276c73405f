"""Dagster by GraphQL: launch a run, follow its events, read what an asset recorded.

The command line never imports Dagster: a run that it launches is the same run that somebody starts in the UI.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from mojoline.stack import dagster_queries as queries
from mojoline.stack.dagster_events import Materialization, RunEvent, read_event, read_metadata
from mojoline.stack.errors import StackError

ENDS = frozenset({"RUN_SUCCESS", "RUN_FAILURE", "RUN_CANCELED"})
ALIVE = ("STARTING", "STARTED", "CANCELING")
ATTEMPTS = 3  # a webserver that is short of processor time resets a connection now and then
PAUSE_SECONDS = 0.5


class RunFailedError(StackError):
    """A run ended without success; the message holds the step and its error."""


class DagsterClient:
    """Talks to one webserver; every method raises StackError when it cannot be reached or refuses."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)

    def __enter__(self) -> "DagsterClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def launch(
        self,
        job: str,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        assets: Sequence[str] | None = None,
    ) -> str:
        """Queue a run of `job` and return its id.

        Args:
            job: name of a job of the code location.
            run_config: as in the UI's launchpad.
            tags: of the run, beside those of the job.
            assets: run only these of the job's assets, keys as "model/asset".
        """
        selector = self._selector(job)
        if assets is not None:
            selector["assetSelection"] = [{"path": key.split("/")} for key in assets]
        params = {
            "selector": selector,
            "runConfigData": run_config or {},
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]
            },
        }
        answer = self._ask(queries.LAUNCH, {"params": params}, attempts=1)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise StackError(f"Dagster refused to launch {job}: {_refusal(answer)}")
        return str(answer["run"]["runId"])

    def status(self, run_id: str) -> str:
        """QUEUED, STARTING, STARTED, SUCCESS, FAILURE, CANCELING or CANCELED (and a few more)."""
        answer = self._ask(queries.RUN_STATUS, {"id": run_id})["runOrError"]
        if answer["__typename"] != "Run":
            raise StackError(f"Dagster does not know the run {run_id}: {_refusal(answer)}")
        return str(answer["status"])

    def events(self, run_id: str, cursor: str | None = None) -> tuple[list[RunEvent], str | None]:
        """Events after `cursor` (None: from the start), oldest first, and the cursor for the next call."""
        events: list[RunEvent] = []
        while True:
            answer = self._ask(queries.EVENTS, {"id": run_id, "cursor": cursor})["logsForRun"]
            if answer["__typename"] != "EventConnection":
                raise StackError(f"Dagster gives no events of run {run_id}: {_refusal(answer)}")
            events += [read_event(raw) for raw in answer["events"]]
            cursor = answer["cursor"]
            if not answer["hasMore"]:
                return events, cursor

    def wait(
        self,
        run_id: str,
        on_event: Callable[[RunEvent], None] | None = None,
        *,
        timeout: float | None = None,
        poll_seconds: float = 0.5,
    ) -> None:
        """Follow a run to its end, calling `on_event` for every event; returns when it succeeded.

        Raises:
            RunFailedError: it failed or was cancelled.
            StackError: it did not end within `timeout` seconds, or Dagster went away.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        cursor: str | None = None
        failures: list[RunEvent] = []
        while True:
            events, cursor = self.events(run_id, cursor)
            for event in events:
                if event.error or event.kind == "RUN_FAILURE":
                    failures.append(event)
                if on_event:
                    on_event(event)
            ended = [event.kind for event in events if event.kind in ENDS]
            if ended[-1:] == ["RUN_SUCCESS"]:
                return
            if ended:
                raise RunFailedError(_why(run_id, self.status(run_id), failures))
            if deadline is not None and time.monotonic() > deadline:
                state, where = self.status(run_id), f"{self.url}/runs/{run_id}"
                raise StackError(f"run {run_id} is {state} after {timeout:.0f} s; look at {where}")
            time.sleep(poll_seconds)

    def materializations(self, asset_key: str) -> dict[str, Any]:
        """The metadata of the asset's latest materialization; empty if there is none."""
        latest = self.latest_materialization(asset_key)
        return {} if latest is None else dict(latest.metadata)

    def latest_materialization(self, asset_key: str) -> Materialization | None:
        """The asset's latest materialization, `asset_key` as "model/asset"; None if there is none."""
        answer = self._ask(queries.LATEST, {"key": {"path": asset_key.split("/")}})["assetOrError"]
        found = answer.get("assetMaterializations") or []
        if not found:
            return None
        metadata = read_metadata(found[0]["metadataEntries"])
        return Materialization(found[0]["runId"], float(found[0]["timestamp"]) / 1000, metadata)

    def jobs(self) -> list[str]:
        """Names of the jobs of all code locations; StackError if one did not load."""
        return sorted(job for _, _, jobs in self._repositories() for job in jobs)

    def abandon_runs(self, location: str, before: float) -> list[str]:
        """End the runs of `location` that began before `before` (seconds of the epoch); their ids.

        Their workers died with the code server that started them: they would stay STARTED for ever and block
        every later run of their model.
        """
        runs = self._ask(queries.RUNS, {"statuses": list(ALIVE)})["runsOrError"].get("results", [])
        ids = [
            str(run["runId"])
            for run in runs
            if (run["repositoryOrigin"] or {}).get("repositoryLocationName") == location
            and (run["startTime"] or run["updateTime"]) < before  # a run that is STARTING has no start yet
        ]
        for run_id in ids:
            self._ask(queries.ABANDON, {"id": run_id})
            self._ask(queries.FREE_SLOTS, {"id": run_id})
        return ids

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop, its steps are interrupted."""
        self._ask(queries.CANCEL, {"id": run_id})

    def _selector(self, job: str) -> dict[str, Any]:
        known = []
        for location, repository, jobs in self._repositories():
            if job in jobs:
                names = {"repositoryLocationName": location, "repositoryName": repository, "jobName": job}
                return dict(names)
            known += jobs
        raise StackError(f"Dagster has no job {job}; it has {', '.join(sorted(known)) or 'none'}")

    def _repositories(self) -> list[tuple[str, str, list[str]]]:
        answer = self._ask(queries.REPOSITORIES, {})["workspaceOrError"]
        found = []
        for entry in answer.get("locationEntries", []):
            location = entry["locationOrLoadError"] or {}
            if location.get("__typename") != "RepositoryLocation":
                raise StackError(f"code location {entry['name']} did not load: {_refusal(location)}")
            for repository in location["repositories"]:
                jobs = [job["name"] for job in repository["jobs"]]
                found.append((entry["name"], repository["name"], jobs))
        return found

    def _ask(self, query: str, variables: Mapping[str, Any], attempts: int = ATTEMPTS) -> dict[str, Any]:
        """The data of the answer. What Dagster may have done already must not be asked again: one attempt."""
        content = {"query": query, "variables": dict(variables)}
        retrying = Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(attempts),
            wait=wait_fixed(PAUSE_SECONDS),
            reraise=True,
        )
        try:
            body = retrying(self._http.post, "/graphql", json=content).json()
        except (httpx.HTTPError, ValueError) as error:
            raise StackError(f"Dagster does not answer at {self.url} ({error}): run `mojoline up`") from None
        if body.get("errors"):
            raise StackError(f"Dagster refused a query: {body['errors'][0].get('message', body['errors'])}")
        return dict(body["data"])


def _why(run_id: str, status: str, failures: Sequence[RunEvent]) -> str:
    for event in failures:
        if event.error:
            where = f"step {event.step}" if event.step else "run"
            return f"run {run_id} ended with {status}; {where}: {event.error}"
    return f"run {run_id} ended with {status}: {failures[0].message if failures else 'no reason recorded'}"


def _refusal(answer: Mapping[str, Any]) -> str:
    if errors := answer.get("errors"):
        return "; ".join(error["message"] for error in errors)
    return str(answer.get("message") or answer.get("__typename") or "no reason given").strip()
