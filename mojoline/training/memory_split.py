"""How the memory a training may use is split: a share for the JVM heap, the rest for XGBoost and the system.

XGBoost and the MOJO scorer allocate outside the heap. A heap of all the memory therefore ends in the kernel
killing the process in the middle of a training.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from mojoline.training.errors import TrainingError

MIB = 1024 * 1024
MIN_HEAP = 512 * MIB
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemorySplit:
    """Bytes: `limit` = `heap` + `native`; the heap is whole MiB, as -Xmx takes it."""

    limit: int
    heap: int

    @property
    def native(self) -> int:
        """Bytes left outside the heap."""
        return self.limit - self.heap


def split_memory(limit_bytes: int, share: float) -> MemorySplit:
    """The heap for a training that may use `limit_bytes`; `share` is between 0 and 1.

    Raises:
        TrainingError: the heap would be smaller than the 512 MiB H2O needs.
    """
    heap = int(limit_bytes * share) // MIB * MIB
    if heap < MIN_HEAP:
        raise TrainingError(
            f"{limit_bytes // MIB} MiB of memory x {share:g} leaves a heap of {heap // MIB} MiB; H2O needs "
            f"{MIN_HEAP // MIB} MiB: free memory, or set MOJOLINE_TRAINING__MEMORY_LIMIT or _SHARE"
        )
    return MemorySplit(limit=limit_bytes, heap=heap)


def available_memory(cgroups: Path = CGROUPS) -> int:
    """Bytes this process can still take: what the machine has free, or less where a control group says so."""
    machine = int(psutil.virtual_memory().available)
    return min([machine, *_cgroup_rooms(cgroups, Path("/proc/self/cgroup"))])


def _cgroup_rooms(root: Path, membership: Path) -> list[int]:
    """Bytes left below the limit of each group above this process: a parent's limit holds as well."""
    try:
        lines = membership.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    rooms = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, limit, usage, cache = root, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            base, limit, usage, cache = (
                root / "memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )
        else:
            continue
        group = base / path.lstrip("/")
        for folder in [group, *group.parents]:
            if folder == base.parent:
                break
            room = _room(folder, limit, usage, cache)
            if room is not None:
                rooms.append(room)
    return rooms


def _room(folder: Path, limit: str, usage: str, cache: str) -> int | None:
    """Limit less usage; pages of files that the kernel gives up under pressure do not count as used."""
    try:
        allowed = int((folder / limit).read_text(encoding="ascii"))
        used = int((folder / usage).read_text(encoding="ascii"))
        stat = dict(
            line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        )
    except (OSError, ValueError):  # no such group, or "max": no limit here
        return None
    return max(0, allowed - used + int(stat.get(cache, 0)))
