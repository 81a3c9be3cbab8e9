"""How many requests a minute somebody may send: all of them at once if he likes, then one as each falls due.

Counted in the memory of one process: with W workers somebody who reaches all of them has W times as many.
"""

import math
import time

_MINUTE = 60.0  # seconds
_REMEMBERED = 10_000  # names; more are an attack, and the oldest of them are forgotten


class Allowances:
    """By name, the moment until which what was sent has been paid for (the generic cell rate algorithm)."""

    def __init__(self) -> None:
        self._paid_until: dict[str, float] = {}

    def seconds_to_wait(self, name: str, per_minute: int) -> int:
        """Whole seconds until `name` may send one more; 0 where it may now."""
        wait = self._paid_until.get(name, 0.0) + _MINUTE / per_minute - time.monotonic() - _MINUTE
        return math.ceil(wait) if wait > 1e-6 else 0

    def charge(self, name: str, per_minute: int) -> None:
        """Count one, allowed or not; nobody has to wait for more than two minutes."""
        now = time.monotonic()
        paid_until = max(self._paid_until.get(name, now), now) + _MINUTE / per_minute
        if name not in self._paid_until and len(self._paid_until) >= _REMEMBERED:
            self._forget(now)
        self._paid_until[name] = min(paid_until, now + 2 * _MINUTE)

    def _forget(self, now: float) -> None:
        self._paid_until = {name: until for name, until in self._paid_until.items() if until > now}
        while len(self._paid_until) >= _REMEMBERED:
            del self._paid_until[next(iter(self._paid_until))]
