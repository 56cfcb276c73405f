"""`mojoline up | down | status | doctor | config | demo | serve`: arguments, tables, exit codes, no more.

Exit codes: 0 done, 1 an expected failure (one clear message), 2 wrong arguments, 130 interrupted.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mojoline.errors import MojolineError
from mojoline.settings import Settings, explain_settings, load_settings

app = typer.Typer(
    help="From rows in PostgreSQL to predictions over HTTP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
WIDTH = None if sys.stdout.isatty() else 200  # a log or a pipe has no edge to fold a path at
out = Console(width=WIDTH)
err = Console(stderr=True, width=WIDTH)
STATE_STYLES = {"running": "green", "external": "cyan", "not answering": "red", "stopped": "dim"}

Home = Annotated[Path | None, typer.Option("--home", help="Directory of all local state [MOJOLINE_HOME].")]


@contextmanager
def expected_failures() -> Iterator[None]:
    """Print an expected failure as one message and exit with 1; a defect keeps its traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` cleans up as Ctrl-C does
    try:
        yield
    except MojolineError as error:
        err.print(Text(str(error), style="red"), soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        err.print("interrupted; `mojoline down` stops what was started")
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        err.print(
            Text(f"{what}. `mojoline doctor` looks for what is missing here", style="red"), soft_wrap=True
        )
        raise typer.Exit(1) from None


@app.command()
def up(
    services: Annotated[list[str] | None, typer.Argument(help="Only these; default: all.")] = None,
    home: Home = None,
) -> None:
    """Start the local stack: Postgres, Redis, Dagster, the prediction API."""
    with expected_failures():
        from mojoline.stack import local_stack
        from mojoline.stack.prediction_api import api_ports

        settings = load_settings(home=home)
        state = local_stack.up(settings, progress=_progress(), only=services or local_stack.SERVICES)
        table = _table("", "")
        if not services:
            table.add_row("Dagster UI", state.dagster_url)
            table.add_row("prediction API", state.api_url)
            ports = api_ports(settings)
            if "grpc" in ports:
                table.add_row("the same over gRPC", f"127.0.0.1:{ports['grpc']}")
            table.add_row("metrics", f"http://127.0.0.1:{ports['metrics']}/metrics")
            table.add_row(
                "control plane", f"{state.admin_url} (token in {state.env['MOJOLINE_ADMIN_TOKEN_FILE']})"
            )
        if not settings.database_url:
            table.add_row("DATABASE_URL", state.database_url)
        out.print(table)


@app.command()
def down(home: Home = None) -> None:
    """Stop everything that `up` started."""
    with expected_failures():
        from mojoline.stack import local_stack

        local_stack.down(load_settings(home=home), progress=_progress())


@app.command()
def status(home: Home = None) -> None:
    """Show what runs, where and since when; exit code 1 if a server that was started does not answer."""
    with expected_failures():
        from mojoline.stack import local_stack

        found = local_stack.status(load_settings(home=home))
        table = _table("service", "state", "pid", "since", "address")
        for one in found:
            since = one.since.astimezone().strftime("%Y-%m-%d %H:%M:%S") if one.since else ""
            state = Text(one.state, style=STATE_STYLES[one.state])
            table.add_row(one.name, state, str(one.pid or ""), since, one.address)
        out.print(table)
        silent = [one for one in found if one.state == "not answering"]
        for one in silent:
            message = f"{one.name} does not answer, its log is {one.log}; `mojoline up` mends it"
            err.print(Text(message, style="red"), soft_wrap=True)
        if silent:
            raise typer.Exit(1)


@app.command()
def doctor(home: Home = None) -> None:
    """Name what is missing on this machine and the command that mends it; exit code 1 if anything is."""
    with expected_failures():
        from mojoline.stack.doctor import examine_machine

        findings = list(examine_machine(load_settings(home=home)))
        table = _table("", "what", "found", "to mend it")
        for one in findings:
            mark = Text("ok", style="green") if one.ok else Text("missing", style="red")
            table.add_row(mark, one.name, one.found, "" if one.ok else one.remedy)
        out.print(table)
        if not all(one.ok for one in findings):
            raise typer.Exit(1)


@app.command()
def config(home: Home = None) -> None:
    """Show every effective setting and where it comes from; secrets are masked."""
    with expected_failures():
        table = _table("setting", "value", "origin")
        for name, shown, origin in explain_settings(load_settings(home=home)):
            table.add_row(name, shown, Text(origin, style="dim" if origin == "default" else ""))
        out.print(table)


@app.command()
def demo(
    small: Annotated[bool, typer.Option("--small", help="One month, one model per family.")] = False,
    exit_when_done: Annotated[bool, typer.Option("--exit", help="Do not keep the servers running.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the figures to this JSON file.")
    ] = None,
    home: Home = None,
) -> None:
    """Run the main job end to end on the demo's data."""
    with expected_failures():
        from mojoline.cli.demo import run_demo
        from mojoline.stack.home_lock import hold_home
        from mojoline.stack.paths import stack_paths

        settings: Settings = load_settings(home=home)
        with hold_home(stack_paths(settings.home), "mojoline demo", _progress()):
            run_demo(settings, small=small, exit_when_done=exit_when_done, report=report)


@app.command()
def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=]FILE|DIR...", help="Plain MOJOs; default: what the registry says."),
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the prediction API.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address the port is opened on.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes that share the port.")] = None,
    home: Home = None,
) -> None:
    """Serve predictions from MOJO files; that needs neither registry, Redis, Postgres nor Dagster."""
    with expected_failures():
        from mojoline.cli.serve import server_command

        command = server_command(models or [], port=port, host=host, workers=workers)
        environment = {**os.environ, **({"MOJOLINE_HOME": str(home.absolute())} if home else {})}
        os.execve(command[0], command, environment)  # noqa: S606 - its signals and exit code are ours


def _progress() -> Callable[[str, str], None]:
    return lambda service, text: out.print(f"{service:<18} {text}", highlight=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, show_header=any(columns), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


if __name__ == "__main__":
    app()
