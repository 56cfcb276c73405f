"""Whether a challenger may become champion: one pure decision for the pipeline, the gate and the demo."""

import math
import re
from dataclasses import dataclass

from mojoline.registry.errors import RegistryError

_ROUNDING = 1e-12  # a difference of exactly the limit passes, whatever its last bit is


@dataclass(frozen=True)
class Decision:
    """The verdict and the sentence that explains it, with the numbers it rests on."""

    promote: bool
    reason: str


def decide_promotion(
    champion: float | None, challenger: float, *, lower_is_better: bool, not_worse: float | str
) -> Decision:
    """Promote unless the challenger's metric is worse than the champion's by more than is tolerated.

    Args:
        champion: the champion's metric on the same rows; None if there is no champion yet.
        challenger: the challenger's metric.
        lower_is_better: True for losses and errors, False for AUC and the like.
        not_worse: the least relative difference that passes: -0.01 or "-1%" tolerates one percent worse,
            0 tolerates nothing, "1%" asks for a gain.

    Raises:
        RegistryError: `not_worse` is not a share.
    """
    limit = read_share(not_worse)
    if not math.isfinite(challenger):
        return Decision(promote=False, reason=f"the challenger's metric is {challenger}")
    if champion is None:
        return Decision(promote=True, reason=f"there is no champion yet; the challenger has {challenger:.6g}")
    if not math.isfinite(champion):
        return Decision(promote=True, reason=f"the champion's metric is {champion}")
    gain = champion - challenger if lower_is_better else challenger - champion
    # A difference relative to a metric of 0 has no meaning: any loss is then too much, any gain enough.
    relative = gain / abs(champion) if champion else math.copysign(math.inf, gain) if gain else 0.0
    promote = relative >= limit - _ROUNDING
    return Decision(
        promote=promote,
        reason=f"challenger {challenger:.6g} against champion {champion:.6g} "
        f"({'lower' if lower_is_better else 'higher'} is better): "
        f"{relative:+.2%}, {'within' if promote else 'below'} the limit {limit:+.2%}",
    )


def read_share(value: float | str) -> float:
    """A share as a fraction: "-1%" is -0.01, a number is itself.

    Raises:
        RegistryError: neither a finite number nor a percentage.
    """
    text = str(value).strip()
    match = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)\s*%", text)
    try:
        share = float(match[1]) / 100 if match else float(text)
    except ValueError:
        share = math.nan
    if not math.isfinite(share):
        raise RegistryError(f'not_worse is {value!r}: write a share such as -0.01 or "-1%"')
    return share
