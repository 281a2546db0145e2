"""What a scan is to do: options, configuration file and packs, brought together and checked beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scanner.assess.baseline import Baseline, load_baseline
from scanner.assess.expected_unknowns import ExpectedUnknown
from scanner.assess.gate import Terms
from scanner.assess.narrowing import Narrowing
from scanner.assess.states import STATES, State
from scanner.assess.targets import StatedScope
from scanner.base.commits import last_commit
from scanner.base.yaml import suggestion
from scanner.catalogue.responsibility import Catalogue, UnknownControl, load_catalogue
from scanner.cli.connect import CLOUDS, missing
from scanner.cli.exits import Usage
from scanner.cli.moment import moment
from scanner.cli.scoping import Gates, gates_of, names_of, narrowing_of
from scanner.collect.provider import Limits, Request
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.report.output import Destination, destinations
from scanner.rule.rules import BUILTIN, Pack, Rule, load_packs
from scanner.run.config import Config, load_config, requests
from scanner.run.scan import Criteria
from scanner.run.snapshot import read_snapshot


@dataclass(frozen=True)
class Options:
    """The command line of a scan, as given. Without a cloud, nothing is to be read."""

    cloud: str | None = None
    profile: str | None = None
    region: tuple[str, ...] = ()
    subscription: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    config: Path | None = None
    ownership: Path | None = None
    rules: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    team: str | None = None
    where: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    states: str | None = None
    gate: str | None = None
    fail_on: str | None = None
    max_unknown: int | None = None
    allow_incomplete: bool = False
    baseline: Path | None = None
    now: str | None = None
    timeout: float | None = None
    everything: bool = False
    others: tuple[str, ...] = ()


_PATHS = frozenset({"config", "ownership", "baseline"})


def given(parameters: Mapping[str, Any]) -> Options:
    """The options among a command's parameters; each is named alike wherever it can be given."""
    named: dict[str, Any] = {}
    for option in fields(Options):
        value = parameters.get(option.name)
        if value is not None:
            as_path = option.name in _PATHS
            named[option.name] = (
                Path(value) if as_path else tuple(value) if isinstance(value, list) else value
            )
    return Options(**named)


@dataclass(frozen=True)
class Plan:
    """A scan that can begin: everything that the user wrote is known to be right."""

    requests: tuple[Request, ...]
    skipped: tuple[str, ...]
    """Clouds that are left out of ``all``, and why."""
    limits: Limits
    catalogue: Catalogue
    pack: Pack
    chosen: tuple[Rule, ...]
    controls: frozenset[str]
    ownership: OwnershipFile | None
    commit: str | None
    gates: Gates
    narrowing: Narrowing | None
    """What ``--team`` and ``--where`` leave in."""
    baseline: Baseline | None
    max_unknown: int
    allow_incomplete: bool
    expectations: tuple[ExpectedUnknown, ...]
    stated: Mapping[str, StatedScope]
    states: frozenset[State] | None
    narrowed: tuple[str, ...]
    """The options by which something is left out."""
    reports: tuple[Destination, ...]
    now: datetime | None
    everything: bool
    others: tuple[Inventory, ...]
    """What was collected of the accounts that provide controls for others."""

    @property
    def uses_paths(self) -> bool:
        """Whether anything selects by path, so that the hierarchy has to be read."""
        return (
            (self.ownership is not None and self.ownership.uses_paths)
            or (self.narrowing is not None and self.narrowing.uses_paths)
            or any(one.selector.uses_paths for one in self.gates.scopes)
        )

    def criteria(self, finished: datetime) -> Criteria:
        """What the inventory is judged by; ``finished`` is the time where ``--now`` gives none."""
        now = self.now or finished
        return Criteria(
            chosen=self.chosen,
            pack=self.pack,
            catalogue=self.catalogue,
            controls=self.controls,
            resolver=Resolver(self.ownership, self.catalogue, now),
            terms=Terms(
                self.gates.default,
                self.max_unknown,
                self.allow_incomplete,
                self.baseline,
                tuple(entry for entry in self.expectations if entry.in_force(now)),
                self.gates.scopes,
            ),
            now=now,
            expectations=self.expectations,
            stated=self.stated,
            narrowing=self.narrowing,
            others=self.others,
        )


def plan(options: Options) -> Plan:
    """Checks options and files. Raises :class:`Usage`, ``DocumentError`` or ``UnknownFormat``."""
    config = load_config(options.config) if options.config else Config(version=1)
    wanted, skipped = _requests(options, config)
    catalogue = load_catalogue()
    pack, chosen, controls = select(catalogue, options.rules or config.rules, options.control, options.rule)
    ownership = options.ownership or (Path(config.ownership) if config.ownership else None)
    baseline = options.baseline or (Path(config.baseline) if config.baseline else None)
    file = load_ownership(ownership, catalogue) if ownership else None
    names = names_of(config, file, catalogue)
    return Plan(
        requests=wanted,
        skipped=skipped,
        limits=_limits(options.timeout or config.timeout),
        catalogue=catalogue,
        pack=pack,
        chosen=chosen,
        controls=controls,
        ownership=file,
        commit=last_commit(ownership.parent / name for name in file.files) if ownership and file else None,
        gates=gates_of(config, options.gate, options.fail_on, names),
        narrowing=narrowing_of(options.team, options.where, file, names, catalogue),
        baseline=load_baseline(baseline) if baseline else None,
        max_unknown=options.max_unknown if options.max_unknown is not None else config.max_unknown or 0,
        allow_incomplete=options.allow_incomplete,
        expectations=config.expected_unknowns,
        stated={scope: StatedScope(text.path, text.tags) for scope, text in config.scopes.items()},
        states=_states(options.states),
        narrowed=_narrowing(options),
        reports=destinations(options.report or config.report),
        now=moment(options.now),
        everything=options.everything,
        others=tuple(read_snapshot(Path(name)).inventory for name in options.others),
    )


def select(
    catalogue: Catalogue, packs: tuple[str, ...], selectors: tuple[str, ...], rules: tuple[str, ...]
) -> tuple[Pack, tuple[Rule, ...], frozenset[str]]:
    """The packs, the rules of them that were chosen, and the controls that were asked for."""
    pack = load_packs(packs or (BUILTIN,), catalogue)
    controls = _controls(selectors, catalogue)
    try:
        chosen = pack.choose(rules, controls)
    except KeyError as error:
        raise Usage(str(error.args[0])) from None
    if not chosen:
        raise Usage("no rule is evidence for the chosen controls: see gapscan rules list")
    if rules:
        named = frozenset(rule.text.control for rule in chosen)
        controls = named if controls is None else controls & named
    return pack, chosen, frozenset(catalogue.controls) if controls is None else controls


def _requests(options: Options, config: Config) -> tuple[tuple[Request, ...], tuple[str, ...]]:
    """What to scan, and the clouds that are left out."""
    if options.cloud is None:
        return (), ()
    for given, name, cloud in (
        (options.profile, "--profile", "aws"),
        (options.subscription, "--subscription", "azure"),
        (options.project, "--project", "gcp"),
    ):
        if given and options.cloud != cloud:
            raise Usage(
                f"{name} is for gapscan scan {cloud}; for several clouds name the targets in --config"
            )
    if options.region and options.cloud == "all":
        raise Usage("--region is for one cloud; for several name the targets in --config")
    configured = tuple(requests(config))
    _once(configured, options)
    if options.cloud == "all":
        if configured:
            _installed({request.provider for request in configured})
            return configured, ()
        absent = {cloud: why for cloud in CLOUDS if (why := missing(cloud))}
        if len(absent) == len(CLOUDS):
            raise Usage("no cloud can be read: pip install 'gapscan[all]'")
        skipped = tuple(f"{cloud}: {why}" for cloud, why in absent.items())
        return tuple(Request(cloud, expected=False) for cloud in CLOUDS if cloud not in absent), skipped
    (cloud,) = (cloud for cloud in CLOUDS if cloud == options.cloud)
    _installed({cloud})
    ours = tuple(request for request in configured if request.provider == cloud)
    if configured and not ours:
        raise Usage(f"{options.config} names no target of {cloud}")
    if ours:
        return tuple(_narrowed(request, options) for request in ours), ()
    scopes = {"aws": (), "azure": options.subscription, "gcp": options.project}[cloud]
    return (Request(cloud, scopes, options.profile, None, options.region),), ()


def _narrowing(options: Options) -> tuple[str, ...]:
    given = [
        *(f"--control {name}" for name in options.control),
        *(f"--rule {name}" for name in options.rule),
        *(f"--region {name}" for name in options.region),
        *([f"--team {options.team}"] if options.team is not None else []),
        *(f"--where {text}" for text in options.where),
    ]
    return (*given, f"--states {options.states}") if options.states else tuple(given)


def _once(configured: tuple[Request, ...], options: Options) -> None:
    """Refuses a scope that two targets name: two identities would tell two stories of one resource."""
    named = [(request.provider, scope) for request in configured for scope in request.scopes]
    for provider, scope in named:
        if named.count((provider, scope)) > 1:
            raise Usage(f"{options.config}: two targets name {provider} {scope}: put them into one")


def _narrowed(request: Request, options: Options) -> Request:
    """A target of the configuration with what the command line says more closely; never another scope."""
    asked = options.subscription or options.project
    if request.scopes and (foreign := set(asked) - set(request.scopes)):
        raise Usage(f"{', '.join(sorted(foreign))} is in no target of {options.config}")
    return replace(
        request,
        scopes=asked or request.scopes,
        profile=options.profile or request.profile,
        regions=options.region or request.regions,
    )


def _installed(clouds: set[ProviderName]) -> None:
    lacking = [why for cloud in CLOUDS if cloud in clouds and (why := missing(cloud))]
    if lacking:
        raise Usage("\n".join(lacking))


def _controls(selectors: tuple[str, ...], catalogue: Catalogue) -> frozenset[str] | None:
    if not selectors:
        return None
    try:
        return frozenset().union(*(catalogue.select(selector) for selector in selectors))
    except UnknownControl as error:
        raise Usage(f"--control: {error}") from None


def _states(text: str | None) -> frozenset[State] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in STATES:
            raise Usage(f"--states: no state {name!r}{suggestion(name, STATES)} (known: {', '.join(STATES)})")
    return frozenset(state for state in STATES if state in names)


def _limits(timeout: float | None) -> Limits:
    usual = Limits()
    if timeout is None:
        return usual
    return Limits(connect_seconds=min(usual.connect_seconds, timeout), read_seconds=timeout)
