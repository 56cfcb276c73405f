"""Build and run the fuzz targets: `python native/fuzz/run.py [--plain] [--seconds 60] [--build DIR]`.

With clang each target runs under libFuzzer for its share of the seconds; `--plain` builds the same targets
with g++ and a driver of our own, which replays the seeds and then mutates them. Exit status 1 at the first
finding; the input lies in the build folder then. Add it to `regressions/TARGET/` together with the fix. Exit
status 2 where the compiler or its runtimes are not installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from make_corpus import FUZZ, TARGETS, make_corpus

SANITIZERS = "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

# Linking a target asks for both of clang's runtimes, which Debian packs apart from it.
PROBE = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'

# cmake is a wheel beside the Python that runs this, or the machine's own.
CMAKE = (
    shutil.which("cmake", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or "cmake"
)


def missing_package(plain: bool) -> str | None:
    """Return what is not installed and how to mend it, or None."""
    compiler, package = ("g++", "g++") if plain else ("clang++", "clang")
    if not shutil.which(compiler):
        return f"{compiler} not found: on Debian install {package}"
    if plain:
        return None
    command = [compiler, "-fsanitize=address,undefined,fuzzer", "-x", "c++", "-", "-o", os.devnull]
    if subprocess.run(command, input=PROBE, text=True, capture_output=True, check=False).returncode == 0:
        return None
    return "clang++ links no sanitizers and no libFuzzer: on Debian install libclang-rt-dev"


def build(folder: Path, plain: bool) -> None:
    if plain:
        # g++ leaves this check out of "undefined", and sees uninitialized optionals where sanitizers are on.
        compiler, flags = "g++", f"{SANITIZERS} -fsanitize=float-cast-overflow -Wno-maybe-uninitialized"
    else:
        compiler, flags = "clang++", f"{SANITIZERS} -fsanitize=fuzzer-no-link"
    configure = [CMAKE, "-S", FUZZ.parent, "-B", folder, "-DMOJO_FUZZ=ON", "-DCMAKE_BUILD_TYPE=Debug"]
    configure += [f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_FLAGS={flags}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([CMAKE, "--build", folder, "--parallel", "2"], check=True, stdout=subprocess.DEVNULL)


def run_target(folder: Path, target: str, seconds: float, plain: bool, seed: int) -> bool:
    corpus, scratch = folder / "corpus" / target, folder / "runs" / target
    scratch.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [folder / "fuzz" / f"fuzz_{target}"]
    if plain:
        command += [corpus, str(seconds), str(seed)]
    else:
        # New inputs that reach new code go to the first folder; the seeds stay what they are.
        found = scratch / "found"
        found.mkdir(exist_ok=True)
        command += [found, corpus, f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}"]
        command += ["-timeout=10", "-rss_limit_mb=1024", "-max_len=60000", "-print_final_stats=1"]
        command += [f"-artifact_prefix={scratch}/"]
    strict = "abort_on_error=1:allocator_may_return_null=0:max_allocation_size_mb=512"
    options = os.environ | {"ASAN_OPTIONS": strict, "UBSAN_OPTIONS": "abort_on_error=1:print_stacktrace=1"}
    done = subprocess.run(command, cwd=scratch, env=options, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()[-60:]
    if done.returncode == 0:
        said = [line for line in said if "mutations" in line or "number_of_executed" in line]
    print(f"{target}: " + "\n".join(said), flush=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plain", action="store_true", help="g++ and our own driver instead of libFuzzer")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together (60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=Path, help="folder (native/build/fuzz or native/build/fuzz-plain)")
    options = parser.parse_args()
    if missing := missing_package(options.plain):
        print(missing, file=sys.stderr)
        return 2
    usual = FUZZ.parent / "build" / ("fuzz-plain" if options.plain else "fuzz")
    folder = (options.build or usual).resolve()
    build(folder, options.plain)
    make_corpus(folder / "corpus")
    share = options.seconds / len(TARGETS)
    return 0 if all(run_target(folder, t, share, options.plain, options.seed) for t in TARGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
