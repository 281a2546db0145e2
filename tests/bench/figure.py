"""A measured figure beside its bound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured, and the most that it may be."""

    name: str
    value: float
    bound: float
    unit: str
    detail: str = ""
    """How it was measured, or what explains it."""

    @property
    def missed(self) -> bool:
        """Whether it is above its bound."""
        return self.value > self.bound

    def __str__(self) -> str:
        digits = 2 if self.bound < 100 else 0
        value, bound = (f"{number:8,.{digits}f} {self.unit:3}" for number in (self.value, self.bound))
        mark = "MISSED" if self.missed else "      "
        return f"{self.name:28} {value}  bound {bound}  {mark}  {self.detail}".rstrip()


class CannotBeMeasured(Exception):
    """What was to be measured did not do what it should."""
