"""The versions gate: `versions.env` is the only list of pins, and everything else must agree with it.

`python -m mojoline.versions` compares it with `pyproject.toml`, `native/pyproject.toml`, the image files of
`deploy/` and the packages that are installed, prints what differs and exits with 1.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from mojoline.errors import MojolineError

ROOT = Path(__file__).resolve().parents[1]
H2O_REASON = (
    "3.46.0.12 refuses MOJO export without a commercial licence, "
    "releases before 3.46.0.11 have open remote-code-execution CVEs"
)


class VersionsError(MojolineError):
    """`versions.env` is missing or has a line that is not NAME_VERSION=value."""


def read_pins(path: Path = ROOT / "versions.env") -> dict[str, str]:
    """The pins as written: variable name (`H2O_VERSION`) -> version.

    Raises:
        VersionsError: the file is missing, or a line is not `NAME_VERSION=value`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise VersionsError(f"cannot read the pins in {path}: {error.strerror}; restore the file") from error
    pins: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Z][A-Z0-9_]*_VERSION)=(\S+)", line)
        if match is None:
            raise VersionsError(f"{path.name}:{number}: {line!r} is not NAME_VERSION=value")
        if match[1] in pins:
            raise VersionsError(f"{path.name}:{number}: {match[1]} is pinned twice; delete one of the lines")
        pins[match[1]] = match[2]
    return pins


def package_of(variable: str) -> str:
    """The distribution a pin stands for: `DAGSTER_POSTGRES_VERSION` -> `dagster-postgres`."""
    return variable.removesuffix("_VERSION").lower().replace("_", "-")


def compare_requirements(origin: str, requirements: Iterable[str], pins: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each requirement that is not pinned exactly as `pins` says."""
    wanted = {package_of(variable): version for variable, version in pins.items()}
    for text in requirements:
        requirement = Requirement(text)
        pin = wanted.get(requirement.name.lower().replace("_", "-"))
        if pin is None:
            yield f"{origin}: {requirement.name} has no pin in versions.env"
        elif str(requirement.specifier) != f"=={pin}":
            yield f"{origin}: {text} but versions.env pins {pin}{_reason(requirement.name)}"


def compare_images(root: Path, pins: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each literal version in an image file that `pins` does not say."""
    wanted = {package_of(variable): version for variable, version in pins.items()}
    files = [*root.glob("deploy/**/*Dockerfile*"), *root.glob("deploy/**/*.y*ml")]
    for file in sorted(files):
        text = file.read_text(encoding="utf-8")
        for name, version in re.findall(r"\b([A-Z][A-Z0-9_]*_VERSION)[=:]-?([0-9][\w.]*)", text):
            if pins.get(name) != version:
                yield f"{file.relative_to(root)}: {name}={version} but versions.env says {pins.get(name)}"
        for name, version in re.findall(r"([A-Za-z][\w.-]*)==([0-9][\w.]*)", text):
            if wanted.get(name.lower().replace("_", "-")) != version:
                yield f"{file.relative_to(root)}: {name}=={version} is not what versions.env pins"


def compare_installed(pins: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each pinned package that is installed in another version."""
    for variable, version in pins.items():
        name = package_of(variable)
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # build tools live in the build's own environment, extras may be left out
        if installed != version:
            yield f"installed: {name} {installed} but versions.env pins {version}{_reason(name)}"


def compare_everything(root: Path = ROOT) -> list[str]:
    """Every disagreement with `root/versions.env`, as sentences; empty when all agree."""
    pins = read_pins(root / "versions.env")
    root_file = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = root_file["project"]
    native = tomllib.loads((root / "native" / "pyproject.toml").read_text(encoding="utf-8"))
    required = [*project["dependencies"], *root_file["build-system"]["requires"]]
    for group in project["optional-dependencies"].values():
        required += group
    differences = [
        *compare_requirements("pyproject.toml", required, pins),
        *compare_requirements("native/pyproject.toml", native["build-system"]["requires"], pins),
        *compare_images(root, pins),
        *compare_installed({k: v for k, v in pins.items() if k != "PYTHON_VERSION"}),
    ]
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if [int(part) for part in running.split(".")] < [int(part) for part in pins["PYTHON_VERSION"].split(".")]:
        differences.append(f"installed: Python {running}, at least {pins['PYTHON_VERSION']} is needed")
    return differences


def _reason(package: str) -> str:
    return f" ({H2O_REASON})" if package == "h2o" else ""


if __name__ == "__main__":
    found = compare_everything()
    for sentence in found:
        sys.stderr.write(f"{sentence}\n")
    if found:
        raise SystemExit(
            "versions gate: change the pin in versions.env and pyproject.toml, then run `make lock`"
        )
    sys.stdout.write(f"versions gate: {len(read_pins())} pins agree\n")
