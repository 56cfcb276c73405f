"""Every model of the zoo, found in `zoo_makers/`."""

import importlib
import pkgutil
from functools import cache

import zoo_makers
from zoo_makers.zoo_model import ZooModel


@cache
def families() -> dict[str, tuple[list[ZooModel], dict[str, str]]]:
    """Algorithm -> (its models, feature -> why the coverage matrix is empty there)."""
    found = {}
    for module in sorted(pkgutil.iter_modules(zoo_makers.__path__), key=lambda m: m.name):
        maker = importlib.import_module(f"zoo_makers.{module.name}")
        if hasattr(maker, "MODELS"):
            found[module.name] = (maker.MODELS, maker.EMPTY)
    return found


@cache
def zoo_models() -> dict[str, ZooModel]:
    models = [model for made, _ in families().values() for model in made]
    by_name = {model.name: model for model in models}
    if len(by_name) != len(models):
        raise ValueError("two models of the zoo have one name")
    return by_name
