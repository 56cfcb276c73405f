"""What a demo run found out: the report file and the summary table, made of the same figures."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table

MOST_NAMED = 6  # drifted features in a sentence


class LeaderboardRow(BaseModel):
    """One trained model: `metric` by the spec's stopping metric, `score_us_p50` microseconds for one row."""

    algorithm: str
    metric: float
    trees: int | None
    depth: int | None
    score_us_p50: float


class SwapFigures(BaseModel):
    """The swap to the second version as its callers saw it; `seconds` from the alias to the first answer."""

    seconds: float
    requests: int
    errors: int
    p99_ms_before: float
    p99_ms_during: float
    p99_ms_after: float


class DemoReport(BaseModel):
    """The figures of one demo run; `seconds` is the whole run after the install."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    rows_extracted: int = 0
    isolation_level: str = ""
    features_in: int = 0
    components_kept: int = 0
    leaderboard: list[LeaderboardRow] = []
    parity_max_abs_diff: float = float("nan")
    versions_published: int = 0
    mojo_bytes: int = 0
    swap: SwapFigures | None = None
    rollback_seconds: float = float("nan")
    promotion: str = ""
    psi: dict[str, float] = {}
    drifted: list[str] = []
    jvm_left_running: bool = False

    @property
    def drifted_text(self) -> str:
        """The drifted features with their PSI, the largest first; the rest as a number."""
        named = sorted(self.drifted, key=lambda name: -self.psi[name])
        shown = [f"{name} {self.psi[name]:.2f}" for name in named[:MOST_NAMED]]
        if len(named) > MOST_NAMED:
            shown.append(f"and {len(named) - MOST_NAMED} more")
        return ", ".join(shown) or "no feature"

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def print_summary(console: Console, report: DemoReport) -> None:
    """The one table at the end of a demo."""
    table = Table(title="what happened", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("extracted", f"{report.rows_extracted:,} rows, isolation level {report.isolation_level}")
    table.add_row("reduced", f"{report.features_in} numeric features to {report.components_kept} components")
    for row in report.leaderboard:
        size = f"{row.trees} trees, depth {row.depth}" if row.trees else "linear"
        table.add_row(f"model {row.algorithm}", f"{row.metric:.5f}  {size}  {row.score_us_p50:.1f} us a row")
    table.add_row("equal to H2O", f"within {report.parity_max_abs_diff:.1e} on the golden rows")
    table.add_row(
        "published", f"{report.versions_published} versions, the first {report.mojo_bytes / 1e6:.2f} MB"
    )
    table.add_row("promotion", report.promotion)
    if report.swap is not None:
        swap = report.swap
        table.add_row("swapped", f"in {swap.seconds:.2f} s, {swap.requests:,} requests, {swap.errors} errors")
        p99 = f"{swap.p99_ms_before:.1f} / {swap.p99_ms_during:.1f} / {swap.p99_ms_after:.1f} ms"
        table.add_row("p99", f"{p99} before, during, after")
    table.add_row("rolled back", f"in {report.rollback_seconds:.2f} s")
    table.add_row("drifted", report.drifted_text)
    table.add_row("JVM", "still running" if report.jvm_left_running else "gone")
    table.add_row("took", f"{report.seconds:.0f} s")
    console.print(table)
