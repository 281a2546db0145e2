"""Benchmarks by the ids of their requirements: which are answered, and by what.

``benchmarks.yaml`` holds ids alone: the texts of benchmarks belong to their publishers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.base.yaml import DocumentError, Problem, read, suggestion
from scanner.catalogue.control import Text
from scanner.catalogue.responsibility import Catalogue
from scanner.model.resources.base import ProviderName
from scanner.rule.packs import Pack

AnsweredBy = Literal["rules", "attestation", "related", "nothing"]
"""What answers a requirement: rules; the attestation that a control wants; rules touch it and do not answer
it; nothing at all."""


class Benchmark(FrozenModel):
    """The requirements of one version of a benchmark."""

    name: Text
    provider: ProviderName
    """The cloud that it is about: only rules for it count."""
    ids: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Every requirement, in the benchmark's order."""
    attested: Mapping[str, Text] = {}
    """Requirements of which only a person can tell, each with the control that the attestation is of."""


class _Benchmarks(FrozenModel):
    benchmarks: Mapping[str, Benchmark]


@dataclass(frozen=True)
class Requirement:
    """One requirement of a benchmark, and what answers it."""

    id: str
    by: AnsweredBy
    rules: tuple[str, ...]
    """The rules that answer it; for ``related`` those that touch it."""
    control: str | None
    """The control whose attestation answers it."""


def load_benchmarks(catalogue: Catalogue, folder: Path | None = None) -> Mapping[str, Benchmark]:
    """Reads ``benchmarks.yaml`` of a folder; ``None``: the built-in one.

    Raises :class:`~scanner.base.yaml.DocumentError` with every mistake.
    """
    root = folder or Path(str(files("rules")))
    document = read(root / "benchmarks.yaml", str((folder or Path("rules")) / "benchmarks.yaml"))
    benchmarks = document.validate(_Benchmarks).benchmarks
    problems: list[Problem] = []
    for name, benchmark in benchmarks.items():
        place = ("benchmarks", name)
        for index, id in enumerate(benchmark.ids):
            if id in benchmark.ids[:index]:
                problems.append(document.problem(f"{name}: {id} is listed twice", *place, "ids", index))
        for id, control in benchmark.attested.items():
            if id not in benchmark.ids:
                problems.append(document.problem(f"{name}: no requirement {id}", *place, "attested", id))
            if control not in catalogue.controls:
                hint = suggestion(control, catalogue.controls)
                problems.append(
                    document.problem(f"{name}: no control {control!r}{hint}", *place, "attested", id)
                )
    if problems:
        raise DocumentError(problems)
    return benchmarks


def requirements(
    name: str, benchmark: Benchmark, pack: Pack, catalogue: Catalogue
) -> tuple[Requirement, ...]:
    """Every requirement of a benchmark with what answers it, in the benchmark's order."""
    answering, touching = _rules_by_id(name, benchmark.provider, pack)
    return tuple(_requirement(id, benchmark, answering, touching, catalogue) for id in benchmark.ids)


def _rules_by_id(
    name: str, provider: ProviderName, pack: Pack
) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    answering: dict[str, list[str]] = defaultdict(list)
    touching: dict[str, list[str]] = defaultdict(list)
    for rule in pack.rules.values():
        if provider in rule.text.providers:
            for id in rule.text.refs.get(name, ()):
                answering[id].append(rule.id)
            for id in rule.text.related.get(name, ()):
                touching[id].append(rule.id)
    return answering, touching


def _requirement(
    id: str,
    benchmark: Benchmark,
    answering: Mapping[str, list[str]],
    touching: Mapping[str, list[str]],
    catalogue: Catalogue,
) -> Requirement:
    if id in answering:
        return Requirement(id, "rules", tuple(answering[id]), None)
    control = benchmark.attested.get(id)
    # An attestation answers only where the control wants one.
    if control is not None and catalogue.controls[control].evidence != "auto":
        return Requirement(id, "attestation", tuple(touching.get(id, ())), control)
    if id in touching:
        return Requirement(id, "related", tuple(touching[id]), None)
    return Requirement(id, "nothing", (), None)
