"""Environments for programs that this project is compared with, which it does not depend on itself."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

UV = Path(sys.executable).with_name("uv")
NEWEST = "2026-11-24"  # what the named packages depend on is as it was on this day, when all of them worked
NUMPY = "numpy==2.4.6"  # as in versions.env


def make_environment(place: Path, packages: Sequence[str]) -> Path:
    """The `bin` of an environment in `place` that holds `packages`; made anew when these have changed.

    Args:
        place: a directory of its own.
        packages: requirements with their versions.
    """
    marker, wanted = place / "ready", "\n".join([NEWEST, *packages])
    if not marker.exists() or marker.read_text(encoding="utf-8") != wanted:
        print(f"installing {', '.join(packages)} into {place}", flush=True)
        subprocess.run(
            [str(UV), "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True
        )
        install = [str(UV), "pip", "install", "--quiet", "--exclude-newer", NEWEST]
        subprocess.run([*install, "--python", str(place / "bin" / "python"), *packages], check=True)
        marker.write_text(wanted, encoding="utf-8")
    return place / "bin"
