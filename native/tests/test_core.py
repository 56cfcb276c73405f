"""`ctest`: the core without Python, over the zoo; here, and cross-compiled for aarch64 in qemu."""

import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).parent.parent
SOURCES = Path("/usr/src/binutils")  # of the package binutils-source, which has zlib's in it

AARCH64 = b"\xb7\0"  # the machine in an ELF header


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_ctest(build: Path, *settings: str, tests: str = ".") -> None:
    run("cmake", "-S", NATIVE, "-B", build, "-DMOJO_TESTS=ON", *settings)
    run("cmake", "--build", build, "--parallel", "2")
    shown = run(
        "ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", "--tests-regex", tests
    )
    assert "100% tests passed" in shown


def build_zlib_for_aarch64(folder: Path) -> Path:
    """Return the folder with `zlib.h` and `libz.a`: Debian's own are of another architecture's packages."""
    sources = [*SOURCES.glob("binutils-*.tar.xz")]
    assert sources, "install the packages of deploy/ci/debian-packages.txt: binutils-source is absent"
    run("tar", "-xJf", sources[0], "-C", folder, "--wildcards", "--strip-components=2", "*/zlib/*.[ch]")
    programs = {"example.c", "minigzip.c"}
    files = [path for path in sorted(folder.glob("*.c")) if path.name not in programs]
    for file in files:
        run("aarch64-linux-gnu-gcc", "-O1", "-DHAVE_UNISTD_H", "-c", file, "-o", file.with_suffix(".o"))
    library = folder / "libz.a"
    run("aarch64-linux-gnu-ar", "rcs", library, *(file.with_suffix(".o") for file in files))
    return folder


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_ctest(tmp_path: Path) -> None:
    run_ctest(tmp_path)


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_ctest_on_aarch64(tmp_path: Path) -> None:
    """The zoo scores as genmodel did, and the functions of `java_math` have its bits."""
    (zlib := tmp_path / "zlib").mkdir()
    build_zlib_for_aarch64(zlib)
    run_ctest(
        tmp_path / "build",
        f"-DCMAKE_TOOLCHAIN_FILE={NATIVE / 'tests' / 'core' / 'aarch64.cmake'}",
        f"-DZLIB_INCLUDE_DIR={zlib}",
        f"-DZLIB_LIBRARY={zlib / 'libz.a'}",
        tests="zoo|java_math",
    )
    assert (tmp_path / "build" / "zoo_test").read_bytes()[18:20] == AARCH64
