"""The installed package is whole, typed, and its stub is the one that the build generated."""

import copy
import importlib.metadata
import pickle
from collections.abc import Callable
from pathlib import Path

import mojo_scorer
import pytest

SOURCE = Path(__file__).parent.parent / "python" / "mojo_scorer"
INSTALLED = Path(mojo_scorer.__file__).parent


def test_installed_files() -> None:
    assert (INSTALLED / "py.typed").exists()
    assert list(INSTALLED.glob("_core.*.so"))
    assert importlib.metadata.version("mojo-scorer") == "0.1.0"


def test_stub_in_the_source_is_the_generated_one() -> None:
    # After a change of bindings/: build, then copy _core.pyi from the installed package into the source.
    assert (SOURCE / "_core.pyi").read_text() == (INSTALLED / "_core.pyi").read_text()


def test_exports() -> None:
    for name in mojo_scorer.__all__:
        assert getattr(mojo_scorer, name).__doc__ or issubclass(getattr(mojo_scorer, name), Exception)
    for error in [mojo_scorer.FormatError, mojo_scorer.UnsupportedError, mojo_scorer.RowError]:
        assert issubclass(error, mojo_scorer.MojoError)
    assert not issubclass(mojo_scorer.MojoError, (ValueError, RuntimeError))


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_model_is_loaded_again_rather_than_copied(duplicate: Callable[[object], object]) -> None:
    model = mojo_scorer.load(Path(__file__).parent / "zoo" / "glm_gaussian.zip")
    with pytest.raises(TypeError, match="load the file in each process"):
        duplicate({"model": model} if duplicate is not copy.copy else model)
