"""What a report format is, and finding one by its name."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, TextIO

from scanner.report import formats
from scanner.report.model import Report


class Renderer(Protocol):
    """Writes a report in one format."""

    def __call__(self, report: Report, out: TextIO) -> None:
        """Writes the whole report; takes the findings as a stream. Raises nothing but ``OSError``."""


@cache
def format_names() -> tuple[str, ...]:
    """Every format: the modules of :mod:`scanner.report.formats`, without importing them."""
    return tuple(sorted(module.name for module in iter_modules(formats.__path__)))


def renderer(name: str) -> Renderer:
    """The ``render`` function of a format's module."""
    render: Renderer = import_module(f"{formats.__name__}.{name}").render
    return render
