import pytest

from mojoline.training.errors import TrainingError
from mojoline.training.memory_split import MIB, _cgroup_rooms, available_memory, split_memory


def test_heap_is_a_whole_number_of_mebibytes_and_the_rest_is_native():
    split = split_memory(10_000_000_000, 0.65)
    assert split.heap == 6198 * MIB
    assert split.heap + split.native == split.limit == 10_000_000_000


def test_too_little_memory_is_refused_with_the_figures():
    with pytest.raises(
        TrainingError, match=r"700 MiB of memory x 0\.65 leaves a heap of 455 MiB.*MEMORY_LIMIT"
    ):
        split_memory(700 * MIB, 0.65)


def test_the_tightest_of_nested_control_groups_counts(tmp_path):
    group = tmp_path / "fs" / "outer" / "inner"
    group.mkdir(parents=True)
    for folder, limit in ((group, "max"), (group.parent, str(900 * MIB))):
        (folder / "memory.max").write_text(limit + "\n")
        (folder / "memory.current").write_text(f"{500 * MIB}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {100 * MIB}\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/outer/inner\n")
    assert _cgroup_rooms(tmp_path / "fs", membership) == [500 * MIB]


def test_control_groups_of_version_1_count(tmp_path):
    group = tmp_path / "memory" / "job"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text(f"{800 * MIB}\n")
    (group / "memory.usage_in_bytes").write_text(f"{300 * MIB}\n")
    (group / "memory.stat").write_text("total_inactive_file 0\n")
    membership = tmp_path / "cgroup"
    membership.write_text("5:cpu,cpuacct:/x\n4:memory:/job\n")
    assert _cgroup_rooms(tmp_path, membership) == [500 * MIB]


def test_this_machine_has_memory_left():
    assert available_memory() > 64 * MIB
