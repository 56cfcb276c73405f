"""The settings that belong together: ports, training, the prediction API, its cache, its feature database."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Ports(_Group):
    """TCP ports on 127.0.0.1."""

    dagster: int = Field(default=3000, ge=1, le=65535, description="Dagster UI and GraphQL")
    rest: int = Field(default=8080, ge=1, le=65535, description="prediction API")
    grpc: int = Field(default=8081, ge=1, le=65535, description="prediction API over gRPC")
    metrics: int = Field(default=8082, ge=1, le=65535, description="the page /metrics alone, without a key")
    admin: int = Field(default=8083, ge=1, le=65535, description="control plane of the prediction API")

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        named = self.model_dump()
        if len(set(named.values())) < len(named):
            shown = ", ".join(f"{name}={port}" for name, port in named.items())
            raise ValueError(f"{shown}: choose different ports")
        return self


class TrainingSettings(_Group):
    """What training may use on this machine; the limits override those of a model spec's `automl`."""

    memory_share: float = Field(
        default=0.65, gt=0, lt=1, description="share of the memory given to the JVM heap"
    )
    memory_limit: int | None = Field(
        default=None, gt=0, description="bytes to share out; default: what there is"
    )
    max_runtime_secs: int | None = Field(default=None, gt=0, description="AutoML budget in seconds")
    max_models: int | None = Field(default=None, gt=0, description="AutoML budget in models")
    ntrees: int | None = Field(default=None, gt=0, le=1000, description="most trees of a model")
    nthreads: int | None = Field(
        default=None, gt=0, description="threads of the H2O node; default: all cores"
    )


class ServingSettings(_Group):
    """Limits and rhythms of the prediction API."""

    poll_seconds: float = Field(default=2.0, gt=0, description="how often the registry's aliases are read")
    max_rows: int = Field(default=1000, gt=0, description="rows in one request")
    max_body_bytes: int = Field(default=4_194_304, gt=0, description="bytes in one request body")
    host: str = Field(default="127.0.0.1", description="address the ports are opened on")
    max_inflight: int = Field(default=256, gt=0, description="predictions in flight; more are turned away")
    timeout_seconds: float = Field(default=30.0, gt=0, description="longest time a prediction may take")
    head_seconds: float = Field(default=10.0, gt=0, description="longest time a request's head may take")
    body_seconds: float = Field(default=10.0, gt=0, description="longest time a request's body may take")
    max_connections: int = Field(
        default=2048, gt=0, description="connections per worker, to REST and to gRPC each"
    )
    keep_alive_seconds: int = Field(
        default=65,
        ge=1,
        description="a connection without requests is closed then: longer than a proxy keeps its own",
    )
    rate_per_key: float | None = Field(
        default=None,
        gt=0,
        description="requests a second with one API key, all workers together; default: any number",
    )
    tls_cert: Path | None = Field(
        default=None, description="certificate chain (PEM): the prediction API speaks TLS only"
    )
    tls_key: Path | None = Field(default=None, description="private key (PEM) of tls_cert")
    tls_client_ca: Path | None = Field(
        default=None, description="authorities (PEM) one of which must have signed a caller's certificate"
    )
    audit_log: Path | None = Field(
        default=None, description="JSON lines of what was done on the control plane; they are logged as well"
    )
    grpc: bool = Field(default=True, description="also serve gRPC, where grpcio is installed")
    drift_seconds: float = Field(
        default=60.0, ge=0, description="how often the drift of each variant is measured; 0: never"
    )
    forced_variants: bool = Field(
        default=False, description="callers may choose a variant of an experiment: X-Model-Variant"
    )
    docs: bool = Field(default=False, description="show /docs and /openapi.json")
    log: Literal["json", "text"] = Field(default="json", description="how log lines are written")
    drain_delay_seconds: float = Field(
        default=5.0, ge=0, description="wait between not being ready and closing the port; Ctrl-C: none"
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, description="longest wait at the end for requests in flight"
    )
    workers: int = Field(default=1, ge=1, description="processes that share the port")
    offload: Literal["auto", "always", "never"] = Field(
        default="auto", description="auto lets work of a measured p99 below 100 us run on the event loop"
    )
    threads: int | None = Field(
        default=None, gt=0, description="threads for inference; default: 1.5 for each core"
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are needed together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca is of no use without tls_cert and tls_key")
        for path in (self.tls_cert, self.tls_key, self.tls_client_ca):
            if path is not None and not os.access(path, os.R_OK):
                raise ValueError(f"{path} cannot be read")
        return self


class CacheSettings(_Group):
    """The prediction cache in Redis (`redis_url`)."""

    mode: Literal["auto", "always", "off"] = Field(
        default="auto", description="auto asks Redis only where scoring is measured to take longer"
    )
    ttl_seconds: float = Field(
        default=3600, gt=0, description="how long an answer is kept, give or take 10 %"
    )
    timeout_ms: float = Field(
        default=30, ge=1, le=60_000, description="longest wait for Redis, connecting included"
    )
    max_connections: int = Field(default=100, ge=1, description="connections to Redis per process")


class FeatureSettings(_Group):
    """Entity features from PostgreSQL (`database_url`)."""

    min_connections: int = Field(default=10, ge=1, description="connections per server that are always open")
    max_connections: int = Field(
        default=50, ge=1, description="most connections per server, of all its workers"
    )
    timeout_ms: float = Field(default=250, ge=1, description="longest wait for a query")
    acquire_ms: float = Field(default=50, ge=1, description="longest wait for a free connection")
    pgbouncer: bool = Field(default=False, description="a pgbouncer in transaction mode is in between")

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min_connections > self.max_connections:
            raise ValueError(
                f"min_connections={self.min_connections} exceeds max_connections={self.max_connections}"
            )
        return self
