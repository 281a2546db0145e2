"""Controls by the ids that other catalogues have for what they are about: IAM-02 of the CCM, AC-2 of NIST."""

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


class NoControl(ValueError):
    """A text that means no control, or several things."""


@dataclass(frozen=True)
class Named:
    """What a text that names a control means."""

    selectors: tuple[str, ...]
    """For the ownership file."""
    through: str | None = None
    """The framework and id by which they were found; ``None``: named as the ownership file does."""


class Requirements:
    """Looks up controls by the ids of related requirements."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._index: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for control in catalogue.controls.values():
            for framework, ids in control.refs.items():
                for id in ids:
                    self._index[_normal(id)][framework].add(control.id)

    def named(self, text: str) -> Named:
        """What a cell means: an id, glob, domain or ``*`` of ours, else a requirement (``AC-2``, or
        ``nist_800_53r5:AC-2`` where several frameworks have the id). Raises :class:`NoControl`."""
        try:
            self._catalogue.select(text)
        except UnknownControl as error:
            found = self._by_requirement(text)
            if found is None:
                told = f"no control and no related requirement is called {text!r}{error.suggestion}"
                raise NoControl(told) from None
            return found
        return Named((text,))

    def related(self, framework: Framework) -> Mapping[str, frozenset[str]]:
        """Controls by normal ids of one framework."""
        return {id: frozenset(found[framework]) for id, found in self._index.items() if framework in found}

    def _by_requirement(self, text: str) -> Named | None:
        prefix, sign, rest = text.partition(":")
        if sign:
            if prefix not in _FRAMEWORKS:
                hint = suggestion(prefix, _FRAMEWORKS)
                raise NoControl(f"no framework {prefix!r}{hint} (known: {', '.join(_FRAMEWORKS)})")
            found = {prefix: self._index.get(_normal(rest), {}).get(prefix, set())}
            if not found[prefix]:
                raise NoControl(f"no control is related to {rest.strip()} of {prefix}")
        else:
            found = dict(self._index.get(_normal(text), {}))
        if not found:
            return None
        if len(found) > 1:
            told = " or ".join(f"{framework}:{text}" for framework in sorted(found))
            raise NoControl(f"{text} is in several frameworks: write {told}")
        ((framework, controls),) = found.items()
        return Named(tuple(sorted(controls)), f"{framework}:{(rest if sign else text).strip()}")


def _normal(id: str) -> str:
    """Ids are compared without regard to case and space, and NIST's as OSCAL writes them too (ac-2.1)."""
    plain = "".join(id.split()).upper()
    match = _OSCAL.fullmatch(plain)
    return f"{match[1]}({match[2]})" if match else plain
