"""What a loaded model is, as a table of facts: `python -m mojo_scorer inspect FILE`."""

from collections.abc import Iterator

from mojo_scorer._core import Model


def describe(model: Model) -> dict[str, object]:
    """Return everything there is to know before scoring, ready for JSON."""
    domains = model.domains
    # Word2Vec has a column in its file, but takes no rows.
    features = [] if model.category == "WordEmbedding" else model.feature_names
    return {
        "algorithm": model.algorithm,
        "main_algorithm": model.main_algorithm,
        "category": model.category,
        "h2o_version": model.h2o_version,
        "mojo_version": model.mojo_version,
        "uuid": model.uuid,
        "nbytes": model.nbytes,
        "offset_column": model.offset_column,
        "features": [
            {"name": name, "levels": domains[name]} if name in domains else {"name": name}
            for name in features
        ],
        "outputs": model.output_names,
        "response_domain": model.response_domain,
        "default_threshold": model.default_threshold if model.category == "Binomial" else None,
        "deviations": model.deviations,
    }


def lines_of(facts: dict[str, object]) -> Iterator[str]:
    """Yield the facts of describe() for a reader."""
    for key in ["algorithm", "main_algorithm", "category", "h2o_version", "mojo_version", "uuid", "nbytes"]:
        yield f"{key:18}{facts[key]}"
    if facts["offset_column"]:
        yield f"{'offset_column':18}{facts['offset_column']}"
    if facts["default_threshold"] is not None:
        yield f"{'threshold':18}{facts['default_threshold']}"
    outputs = facts["outputs"]
    yield f"{'outputs':18}{', '.join(outputs) if isinstance(outputs, list) else outputs}"
    features = facts["features"]
    if facts["category"] == "WordEmbedding":
        yield "\nTakes words instead of rows: word_vector(word), sentence_vector(words)."
    elif isinstance(features, list):
        yield f"\n{len(features)} features, in the order of score()'s matrix:"
        for feature in features:
            yield f"  {feature['name']:30}{describe_type(feature.get('levels'))}"
    deviations = facts["deviations"]
    if isinstance(deviations, list) and deviations:
        yield "\nCopied from h2o-genmodel, and perhaps not what you expect:"
        yield from (f"  - {text}" for text in deviations)


def describe_type(levels: list[str] | None) -> str:
    """Return "number", or the number of levels with the first of them."""
    if levels is None:
        return "number"
    shown = ", ".join(levels[:4]) + (", ..." if len(levels) > 4 else "")
    return f"{len(levels)} levels: {shown}"
