"""One thing that was looked at on this machine or at a given address."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at and what was found; `remedy` is what mends it when it is not `ok`."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
