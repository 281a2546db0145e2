"""Finds controls by the ids of related requirements: IAM-02 of the CCM, AC-2 of NIST SP 800-53."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from scanner.base.yaml import suggestion
from scanner.catalogue.control import Framework
from scanner.catalogue.responsibility import Catalogue, UnknownControl

_FRAMEWORKS: tuple[str, ...] = get_args(Framework)
_OSCAL = re.compile(r"([A-Za-z]{2}-\d+)\.(\d+)")


class UnresolvedControl(ValueError):
    """A reference that matches no control, or is ambiguous."""


@dataclass(frozen=True)
class ControlReference:
    """The controls that a text refers to."""

    selectors: tuple[str, ...]
    """Selectors for the ownership file."""
    requirement: str | None = None
    """The framework and id that they are related to; ``None``: the text is a selector itself."""


class Requirements:
    """Looks up controls by the ids of related requirements."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._index: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for control in catalogue.controls.values():
            for framework, ids in control.refs.items():
                for id in ids:
                    self._index[_normal(id)][framework].add(control.id)

    def resolve(self, text: str) -> ControlReference:
        """The controls of a cell: an id, glob, domain or ``*`` of ours, else a requirement (``AC-2``, or
        ``nist_800_53r5:AC-2`` if several frameworks have the id). Raises :class:`UnresolvedControl`."""
        try:
            self._catalogue.select(text)
        except UnknownControl as error:
            found = self._by_requirement(text)
            if found is None:
                problem = f"no control or related requirement is called {text!r}{error.suggestion}"
                raise UnresolvedControl(problem) from None
            return found
        return ControlReference((text,))

    def related(self, framework: Framework) -> Mapping[str, frozenset[str]]:
        """Control ids by the normalised ids of one framework."""
        return {id: frozenset(found[framework]) for id, found in self._index.items() if framework in found}

    def _by_requirement(self, text: str) -> ControlReference | None:
        prefix, sign, rest = text.partition(":")
        if sign:
            if prefix not in _FRAMEWORKS:
                hint = suggestion(prefix, _FRAMEWORKS)
                raise UnresolvedControl(f"no framework {prefix!r}{hint} (known: {', '.join(_FRAMEWORKS)})")
            found = {prefix: self._index.get(_normal(rest), {}).get(prefix, set())}
            if not found[prefix]:
                raise UnresolvedControl(f"no control is related to {rest.strip()} of {prefix}")
        else:
            found = dict(self._index.get(_normal(text), {}))
        if not found:
            return None
        if len(found) > 1:
            choices = " or ".join(f"{framework}:{text}" for framework in sorted(found))
            raise UnresolvedControl(f"{text} is in several frameworks: write {choices}")
        ((framework, controls),) = found.items()
        return ControlReference(tuple(sorted(controls)), f"{framework}:{(rest if sign else text).strip()}")


def _normal(id: str) -> str:
    """The id without case and space; NIST's also from their OSCAL form (ac-2.1)."""
    plain = "".join(id.split()).upper()
    match = _OSCAL.fullmatch(plain)
    return f"{match[1]}({match[2]})" if match else plain
