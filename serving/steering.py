"""What a caller may say in headers about who answers: what the request is about, and which variant is to."""

from collections.abc import Mapping

from serving.errors import ApiError, bad_request
from serving.routing import Serving

ENTITY_HEADER = "x-entity-id"  # who a request is about, where its rows do not say
VARIANT_HEADER = "x-model-variant"  # a variant by name, for a look at it that waits for no dice


def steer(serving: Serving, headers: Mapping[str, str], *, may_force: bool) -> Serving:
    """`serving` as these headers want it.

    Args:
        serving: what the aliases say, or the version that the path names.
        headers: by name in small letters.
        may_force: whether callers may choose a variant here.

    Raises:
        ApiError: 403 where they may not, 400 for a variant that there is not.
    """
    forced = headers.get(VARIANT_HEADER)
    if forced is None:
        return serving.asked(headers.get(ENTITY_HEADER))
    if not may_force:
        raise ApiError(
            403,
            "X-Model-Variant is not obeyed here: whoever runs the server allows it with"
            " MOJOLINE_SERVING__FORCED_VARIANTS=true",
        )
    if forced not in serving.answering:
        raise bad_request(f"X-Model-Variant is {forced[:80]!r}; there is {', '.join(serving.answering)}")
    return serving.asked(headers.get(ENTITY_HEADER), forced)
