"""MOJO2 versions take the road of H2O-3 ones: proofs, serving and swap, shown with a fake daimojo."""

import sys
import zipfile

import numpy as np
import pytest

from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, MOJO
from mojoline.registry.proofs import prove_equality, prove_latency, prove_loads, prove_size
from mojoline.runtime.errors import RowRefusedError, RuntimeModelError
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.runtime.scoring_runtime import open_runtime, runtime_for
from tests.api.live_server import TAGS, golden, new_registry, promote_version, publish, server_thread
from tests.data.fake_versions import FAKE_DAIMOJO, fake_draft, fake_rows, fake_score, write_fake_mojo2
from tests.data.tiny_versions import TINY_MODELS


@pytest.fixture
def licensed(monkeypatch):
    """The fake daimojo, importable and content with its licence."""
    monkeypatch.syspath_prepend(str(FAKE_DAIMOJO))
    monkeypatch.setenv("DRIVERLESS_AI_LICENSE_KEY", "any")
    yield
    for name in ("daimojo", "datatable"):
        sys.modules.pop(name, None)


def test_the_archive_chooses_the_runtime(tmp_path) -> None:
    assert runtime_for(write_fake_mojo2(tmp_path / "two.mojo")) == "daimojo"
    assert runtime_for(TINY_MODELS / "first" / MOJO) == "native"
    assert runtime_for(tmp_path / "nowhere.zip") == "native"
    assert ScoringModel.load(TINY_MODELS / "first" / MOJO, {}).algorithm != "mojo2"


def test_a_runtime_of_the_other_kind_is_refused(tmp_path) -> None:
    with pytest.raises(
        RuntimeModelError, match=r"cannot be scored by daimojo, which reads MOJO2 archives.*native"
    ):
        open_runtime(TINY_MODELS / "first" / MOJO, "daimojo")
    with pytest.raises(
        RuntimeModelError, match=r"cannot be scored by native, which reads H2O-3 MOJOs.*daimojo"
    ):
        open_runtime(write_fake_mojo2(tmp_path / "two.mojo"), "native")


def test_without_daimojo_the_user_hears_what_to_install(tmp_path) -> None:
    with pytest.raises(RuntimeModelError, match=r"pip install 'mojoline\[daimojo\]'.*licence"):
        open_runtime(write_fake_mojo2(tmp_path / "two.mojo"))


def test_without_a_licence_there_is_one_error(tmp_path, licensed, monkeypatch, capfd) -> None:
    monkeypatch.delenv("DRIVERLESS_AI_LICENSE_KEY")
    with pytest.raises(RuntimeModelError, match=r"no valid licence.*DRIVERLESS_AI_LICENSE_KEY.*license.sig"):
        open_runtime(write_fake_mojo2(tmp_path / "two.mojo"))
    assert capfd.readouterr() == ("", "")


def test_columns_and_types(tmp_path, licensed) -> None:
    model = ScoringModel.load(write_fake_mojo2(tmp_path / "two.mojo"), {"distance": 100.0})
    assert (model.feature_names, model.domains) == (["distance", "stops", "carrier"], {"carrier": []})
    rows = fake_rows()
    expected = np.array([fake_score(row) for row in rows])
    np.testing.assert_allclose(model.score(rows)[:, 1], expected, rtol=1e-12)
    columns = {name: [row[name] for row in rows] for name in ("carrier", "distance", "stops")}
    columns["distance"] = np.array(columns["distance"], dtype=float)  # the missing one is NaN
    np.testing.assert_allclose(model.score(columns)[:, 1], expected, rtol=1e-12)
    assert model.label(np.array([[0.2, 0.8], [0.6, 0.4]])) == ["yes", "no"]
    assert model.score([{}])[0, 1] == pytest.approx(fake_score(dict.fromkeys(columns)))
    with pytest.raises(RowRefusedError, match=r"row 1, column 'stops' \(int32\): 1.5 is not a whole number"):
        model.score([{"stops": 1}, {"stops": 1.5}])
    with pytest.raises(RowRefusedError, match=r"column 'carrier' \(string\): a int is not text"):
        model.score([{"carrier": 7}])


def test_proofs_hold_for_it_and_fail_when_it_is_another(tmp_path, licensed) -> None:
    draft, facts = fake_draft(tmp_path / "draft")
    for proof in (prove_loads, prove_size, prove_equality, prove_latency):
        found = proof(draft, facts)
        assert found.passed, found.message
    write_fake_mojo2(draft / MOJO, intercept=0.6)
    assert not prove_equality(draft, facts).passed


def test_swap(tmp_path, licensed) -> None:
    """An H2O-3 champion gives way to a MOJO2, and that to another one."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    versions = []
    for number, intercept in enumerate([0.5, -0.5]):
        draft, facts = fake_draft(tmp_path / f"draft{number}", intercept)
        versions.append(registry.publish("tiny", draft, facts.model_copy(update={"tags": TAGS})))
    row = {"distance": 400.0, "stops": 1, "carrier": "UA"}
    with server_thread(registry) as server:
        server.wait_ready()
        assert server.predict(golden("first").rows[:1]).status_code == 200
        promote_version(registry, versions[0])
        server.wait(lambda: server.status()["version"] == versions[0].version)
        answer = server.predict([row]).raise_for_status().json()
        assert answer["model_version"] == versions[0].version
        probabilities = [*answer["predictions"][0]["probabilities"].values()]
        assert probabilities[1] == pytest.approx(fake_score(row))
        promote_version(registry, versions[1])
        server.wait(lambda: server.status()["version"] == versions[1].version)
        answer = server.predict([row]).raise_for_status().json()
        assert [*answer["predictions"][0]["probabilities"].values()][1] == pytest.approx(
            fake_score(row, -0.5)
        )
    assert len(GoldenRows.read(registry.directory("tiny", versions[0].version) / GOLDEN)) == len(fake_rows())
    with zipfile.ZipFile(registry.directory("tiny", versions[0].version) / MOJO) as archive:
        assert archive.namelist() == ["mojo/pipeline.pb"]
