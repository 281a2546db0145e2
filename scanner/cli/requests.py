"""From the options of a command to its request: files are read and everything is checked before work begins.

What the command line gives wins over gapscan.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanner import __version__
from scanner.assess.baseline import load_baseline
from scanner.assess.gate import Terms
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import STATES, State
from scanner.assess.targets import StatedScope
from scanner.base.commits import last_commit
from scanner.base.yaml import suggestion
from scanner.catalogue.responsibility import Catalogue, UnknownControl, load_catalogue
from scanner.cli.connect import CLOUDS, missing
from scanner.cli.exits import Usage
from scanner.cli.moment import moment
from scanner.cli.options import AssessmentOptions, ConnectionOptions, Listed, RuleOptions
from scanner.cli.scoping import gates_of, names_of, narrowing_of
from scanner.collect.answers import Recorder, Replay
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.inventory import Wanted
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.load import load_ownership
from scanner.report.output import Destination, UnknownFormat, destinations
from scanner.rule.packs import BUILTIN, Pack, load_packs
from scanner.rule.rule import Rule
from scanner.run.config import Config, connections, load_config
from scanner.run.scan import CollectionRequest
from scanner.run.snapshot import read_snapshot


@dataclass(frozen=True)
class Selection:
    """The catalogue, the packs, and what of them is wanted."""

    catalogue: Catalogue
    pack: Pack
    rules: tuple[Rule, ...]
    controls: frozenset[str]


def configuration(options: RuleOptions) -> Config:
    """gapscan.yaml, or the defaults where none is given. Raises ``DocumentError``."""
    return load_config(Path(options.config)) if options.config else Config(version=1)


def select(config: Config, options: RuleOptions) -> Selection:
    """The chosen rules and controls. Raises :class:`Usage` or ``DocumentError``."""
    catalogue = load_catalogue()
    pack = load_packs(tuple(options.rules or config.rules or (BUILTIN,)), catalogue)
    controls = _controls(options.control or (), catalogue)
    try:
        chosen = pack.choose(tuple(options.rule or ()), controls)
    except KeyError as error:
        raise Usage(str(error.args[0])) from None
    if options.rule and not chosen:
        raise Usage("none of the chosen rules is evidence for the chosen controls: see gapscan rules list")
    if options.rule:
        named = frozenset(rule.text.control for rule in chosen)
        controls = named if controls is None else controls & named
    return Selection(catalogue, pack, chosen, frozenset(catalogue.controls) if controls is None else controls)


def assessment_request(
    config: Config,
    rules: RuleOptions,
    options: AssessmentOptions,
    *,
    regions: Sequence[str] | None = None,
) -> AssessmentRequest:
    """What to assess, and how. ``regions``: those that the collection is narrowed to by option.

    Raises :class:`Usage` or ``DocumentError``.
    """
    selected = select(config, rules)
    catalogue = selected.catalogue
    path = options.ownership or config.ownership
    if path and path == config.ownership and not Path(path).is_file():
        raise config.mistake(f"ownership: no such file: {path}", "ownership")
    ownership = load_ownership(Path(path), catalogue) if path else None
    baseline = options.baseline or config.baseline
    names = names_of(config, ownership, catalogue)
    gates = gates_of(config, options.gate, options.fail_on, names)
    max_unknown = options.max_unknown if options.max_unknown is not None else config.max_unknown or 0
    return AssessmentRequest(
        catalogue=catalogue,
        pack=selected.pack,
        chosen=selected.rules,
        controls=selected.controls,
        terms=Terms(
            gates.default,
            max_unknown,
            options.allow_incomplete,
            load_baseline(Path(baseline)) if baseline else None,
            config.expected_unknowns,
            gates.scopes,
        ),
        ownership=ownership,
        ownership_commit=last_commit(Path(path).parent / name for name in ownership.files)
        if path and ownership
        else None,
        narrowing=narrowing_of(options.team, tuple(options.where or ()), ownership, names, catalogue),
        stated_scopes={scope: StatedScope(text.path, text.tags) for scope, text in config.scopes.items()},
        common_control_inventories=tuple(
            read_snapshot(Path(name)).inventory for name in options.others or ()
        ),
        reported_states=_states(options.states),
        every_finding=options.findings is Listed.all,
        narrowed_by=tuple(_narrowed_by(rules, options, regions or ())),
        unfolded=options.everything,
        now=moment(options.now),
        version=__version__,
        arguments=tuple(sys.argv[1:]),
    )


def reports_of(config: Config, options: AssessmentOptions) -> tuple[Destination, ...]:
    """The reports to write. Raises ``UnknownFormat``, and ``DocumentError`` for those of gapscan.yaml."""
    if options.report:
        return destinations(options.report)
    try:
        return destinations(config.report)
    except UnknownFormat as error:
        raise config.mistake(f"report: {str(error).removeprefix('--report ')}", "report") from None


def collection_request(
    cloud: str, config: Config, rules: RuleOptions, options: ConnectionOptions, wanted: Wanted
) -> CollectionRequest:
    """What to read of which clouds. Raises :class:`Usage`, ``DocumentError`` or ``Unwritable``."""
    recorder, replay = _recordings(options)
    asked, skipped = _connections(cloud, config, rules.config, options, replay)
    return CollectionRequest(
        connections=tuple(replace(one, recorder=recorder, replay=replay) for one in asked),
        wanted=wanted,
        limits=_limits(options.timeout or config.timeout),
        skipped=skipped,
    )


def _recordings(options: ConnectionOptions) -> tuple[Recorder | None, Replay | None]:
    """Where to record the answers, and the recording to take them from."""
    if options.record is not None and options.replay is not None:
        raise Usage("--record and --replay exclude each other: a recording is made from a cloud")
    if options.record_names and options.record is None:
        raise Usage("--record-names is for --record")
    if options.record is not None:
        recorder = Recorder(Path(options.record), names=options.record_names)
        try:
            recorder.check()
        except FileExistsError as error:
            raise Usage(f"--record: {error}") from None
        return recorder, None
    return None, Replay.read(Path(options.replay)) if options.replay is not None else None


def _narrowed_by(rules: RuleOptions, options: AssessmentOptions, regions: Sequence[str]) -> list[str]:
    """The options that leave something out, as they were given."""
    return [
        *(f"--control {name}" for name in rules.control or ()),
        *(f"--rule {name}" for name in rules.rule or ()),
        *(f"--region {name}" for name in regions),
        *([f"--team {options.team}"] if options.team is not None else []),
        *(f"--where {text}" for text in options.where or ()),
        *([f"--states {options.states}"] if options.states else []),
    ]


def _connections(
    wanted: str, config: Config, file: str | None, options: ConnectionOptions, replay: Replay | None
) -> tuple[tuple[ConnectionRequest, ...], tuple[str, ...]]:
    """What to connect to, and the clouds that are left out."""
    for given, name, cloud in (
        (options.profile, "--profile", "aws"),
        (options.subscription, "--subscription", "azure"),
        (options.project, "--project", "gcp"),
    ):
        if given and wanted != cloud:
            raise Usage(
                f"{name} is for gapscan scan {cloud}; for several clouds name the targets in --config"
            )
    if options.region and wanted == "all":
        raise Usage("--region is for one cloud; for several name the targets in --config")
    configured = tuple(connections(config))
    _once(configured, file)
    if wanted == "all":
        if configured:
            _installed({request.provider for request in configured})
            return configured, ()
        if replay is not None:
            recorded = [cloud for cloud in CLOUDS if cloud in replay.providers]
            _installed(set(recorded))
            return tuple(one for cloud in recorded for one in _replayed(cloud, options, replay)), ()
        absent = {cloud: why for cloud in CLOUDS if (why := missing(cloud))}
        if len(absent) == len(CLOUDS):
            raise Usage("no cloud can be read: pip install 'gapscan[all]'")
        skipped = tuple(f"{cloud}: {why}" for cloud, why in absent.items())
        present = (cloud for cloud in CLOUDS if cloud not in absent)
        return tuple(ConnectionRequest(cloud, expected=False) for cloud in present), skipped
    (cloud,) = (cloud for cloud in CLOUDS if cloud == wanted)
    _installed({cloud})
    if replay is not None and cloud not in replay.providers:
        held = ", ".join(replay.providers)
        raise Usage(f"{options.replay} holds no answers of {cloud}, only of {held}")
    ours = tuple(request for request in configured if request.provider == cloud)
    if configured and not ours:
        raise Usage(f"{file} names no target of {cloud}")
    if ours:
        return tuple(_narrowed(request, file, options) for request in ours), ()
    if replay is not None:
        return _replayed(cloud, options, replay), ()
    return (_connection(cloud, options),), ()


def _connection(cloud: ProviderName, options: ConnectionOptions) -> ConnectionRequest:
    """What the options alone ask for."""
    scopes = tuple({"aws": (), "azure": options.subscription, "gcp": options.project}[cloud] or ())
    return ConnectionRequest(cloud, scopes, options.profile, None, tuple(options.region or ()))


def _replayed(
    cloud: ProviderName, options: ConnectionOptions, replay: Replay
) -> tuple[ConnectionRequest, ...]:
    """What the options alone ask for, of a recording: there each account of AWS has its own credentials."""
    request = _connection(cloud, options)
    if cloud != "aws":
        return (request,)
    return tuple(replace(request, scopes=(account,)) for account in replay.scopes(cloud))


def _once(configured: tuple[ConnectionRequest, ...], file: str | None) -> None:
    """Refuses a scope that two targets name: two identities could see one resource differently."""
    named = [(request.provider, scope) for request in configured for scope in request.scopes]
    for provider, scope in named:
        if named.count((provider, scope)) > 1:
            raise Usage(f"{file}: two targets name {provider} {scope}: put them into one")


def _narrowed(request: ConnectionRequest, file: str | None, options: ConnectionOptions) -> ConnectionRequest:
    """A target of the configuration narrowed by the command line, never widened."""
    asked = tuple(options.subscription or options.project or ())
    if request.scopes and (foreign := set(asked) - set(request.scopes)):
        raise Usage(f"{', '.join(sorted(foreign))} is in no target of {file}")
    return replace(
        request,
        scopes=asked or request.scopes,
        profile=options.profile or request.profile,
        regions=tuple(options.region or request.regions),
    )


def _installed(clouds: set[ProviderName]) -> None:
    lacking = [why for cloud in CLOUDS if cloud in clouds and (why := missing(cloud))]
    if lacking:
        raise Usage("\n".join(lacking))


def _controls(selectors: Sequence[str], catalogue: Catalogue) -> frozenset[str] | None:
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
