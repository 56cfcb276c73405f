"""One tree of errors without a hole: whoever catches the root catches all of them, and the tree is drawn."""

import ast
from pathlib import Path

import mojoline.errors

ROOT = Path(__file__).parents[2]
PACKAGES = ("mojoline", "serving", "assets", "sensors", "pipelines")


def error_classes() -> dict[str, tuple[str, Path]]:
    """Error class -> (its base, its file)."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                    [base] = [ast.unparse(base) for base in node.bases]
                    found[node.name] = (base, path)
    return found


def test_every_error_hangs_on_the_root_and_is_drawn():
    classes = error_classes()
    assert classes.pop("MojolineError") == ("Exception", ROOT / "mojoline" / "errors.py")
    assert len(classes) > 20
    for name, (base, path) in classes.items():
        assert base == "MojolineError" or base in classes, f"{name} in {path} hangs on {base}"
        drawn = mojoline.errors.__doc__ if base == "MojolineError" else read_tree(path.parent)
        assert name in (drawn or ""), f"{name} is missing from the tree in {path.parent.name}"


def read_tree(package: Path) -> str:
    return ast.get_docstring(ast.parse((package / "errors.py").read_text(encoding="utf-8"))) or ""
