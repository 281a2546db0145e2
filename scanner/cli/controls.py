"""``gapscan controls``: the catalogue of controls, and how much of each the rules evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from scanner.cli.deferred import CommandGroup
from scanner.cli.exits import Usage, exit_on_error
from scanner.cli.rules import Packs

if TYPE_CHECKING:
    from scanner.catalogue.boundary import Shift
    from scanner.catalogue.control import Control
    from scanner.catalogue.responsibility import Catalogue
    from scanner.model.resources.base import ProviderName
    from scanner.rule.packs import Pack
    from scanner.rule.rule import Rule

app = typer.Typer(
    cls=CommandGroup,
    help="List and show controls: each party's obligations, and what the rules evaluate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Form = Annotated[str, typer.Option("--format", help="text or json.")]

_FRAMEWORKS = {
    "nist_800_53r5": "NIST SP 800-53 rev. 5",
    "csa_ccm_4_0": "CSA CCM 4.0",
    "iso_27001_2022": "ISO/IEC 27001:2022",
    "cis_controls_8_1": "CIS Controls 8.1",
    "pci_dss_4_0": "PCI DSS 4.0",
}

_LEVELS = {
    "organisation": "assessed once, for the organisation",
    "tenant": "assessed once, in the identity tenant",
    "scope": "assessed in each account, subscription or project",
    "resource": "assessed on each resource",
}

_EVIDENCE = {
    "auto": "live configuration shows it",
    "hybrid": "live configuration and an attestation show it",
    "attestation": "only a person can attest it",
}

_LETTERS = {"customer": "y", "provider": "p", "both": "b", "none": "-"}

_HEAD = 12


@dataclass(frozen=True)
class _ControlRules:
    """A control with the rules of the chosen packs that evaluate it."""

    control: Control
    rules: tuple[Rule, ...]

    def kinds(self, provider: ProviderName) -> tuple[str, ...]:
        """The expected kinds that a rule evaluates on that cloud."""
        evaluated = {rule.text.for_ for rule in self.rules if provider in rule.text.providers}
        return tuple(kind for kind in self.control.kinds.get(provider, ()) if kind in evaluated)

    def complete(self) -> bool | None:
        """Whether rules evaluate every expected kind on every cloud; ``None``: no kind is expected."""
        expected = [provider for provider, kinds in self.control.kinds.items() if kinds]
        if not expected:
            return None
        return all(self.kinds(provider) == self.control.kinds[provider] for provider in expected)


def _load(packs: list[str] | None, form: str) -> tuple[Catalogue, Pack]:
    from scanner.catalogue.responsibility import load_catalogue
    from scanner.rule.packs import BUILTIN, load_packs

    if form not in ("text", "json"):
        raise Usage(f"--format {form}: expected text or json")
    catalogue = load_catalogue()
    return catalogue, load_packs(packs or [BUILTIN], catalogue)


def _chosen(catalogue: Catalogue, pack: Pack, selectors: Sequence[str]) -> list[_ControlRules]:
    from scanner.catalogue.responsibility import UnknownControl

    try:
        ids = frozenset().union(*(catalogue.select(selector) for selector in selectors or ["*"]))
    except UnknownControl as error:
        raise Usage(str(error)) from None
    rules = pack.rules.values()
    return [
        _ControlRules(control, tuple(rule for rule in rules if rule.text.control == control.id))
        for control in catalogue.controls.values()
        if control.id in ids
    ]


@app.command("list")
def list_controls(
    controls: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONTROL", help="Ids, globs or domains. [default: all]"),
    ] = None,
    rules: Packs = None,
    form: Form = "text",
) -> None:
    """List controls: level, severity, responsible party by service model, evidence, rules."""
    with exit_on_error():
        catalogue, pack = _load(rules, form)
        chosen = _chosen(catalogue, pack, controls or [])
        if form == "json":
            _echo([_record(one, catalogue) for one in chosen])
        else:
            typer.echo("\n".join(_table(chosen)))


@app.command("show")
def show(
    control: Annotated[str, typer.Argument(help="Current or former id of the control.")],
    rules: Packs = None,
    form: Form = "text",
) -> None:
    """Show one control: obligations, rules, expected kinds and related requirements."""
    with exit_on_error():
        catalogue, pack = _load(rules, form)
        chosen = _chosen(catalogue, pack, [control])
        if len(chosen) != 1:
            raise Usage(f"{control} matches {len(chosen)} controls: see gapscan controls list {control}")
        if form == "json":
            _echo(_record(chosen[0], catalogue))
        else:
            typer.echo("\n".join(_details(chosen[0], catalogue)))


def _echo(record: Any) -> None:
    import json

    typer.echo(json.dumps(record, indent=1, ensure_ascii=False))


def _table(chosen: Sequence[_ControlRules]) -> Iterator[str]:
    from scanner.base.counts import many
    from scanner.cli.prose import row
    from scanner.model.resources.base import ProviderName

    providers: tuple[ProviderName, ...] = get_args(ProviderName)
    clouds = [(provider, 6) for provider in providers]
    widths = (max(len(one.control.id) for one in chosen) + 1, 13, 9, 7, 12, 6)
    titles = ("control", "level", "severity", "party", "evidence", "rules")
    yield row([*zip(titles, widths, strict=True), *clouds])
    for one in chosen:
        control = one.control
        cells = (
            control.id,
            control.level,
            control.severity,
            "".join(_LETTERS[cell] for cell in control.responsibility.values()),
            control.evidence,
            str(len(one.rules)),
        )
        yield row([*zip(cells, widths, strict=True), *((_ratio(one, name), width) for name, width in clouds)])
    yield ""
    complete = [one.complete() for one in chosen]
    without = sum(1 for one in chosen if one.complete() is not None and not one.rules)
    attested = sum(1 for one in chosen if one.control.evidence != "auto")
    yield (
        f"{many(len(chosen), 'control')}: {complete.count(True)} evaluated in full, "
        f"{complete.count(False) - without} in part, {without} by no rule yet; "
        f"{attested} {'needs' if attested == 1 else 'need'} an attestation."
    )
    models = " ".join(chosen[0].control.responsibility)
    yield f"party, under {models}: y yours, p the provider's, b both, - neither."
    yield "aws, azure, gcp: kinds of resource that rules evaluate, of those that the control expects."


def _ratio(one: _ControlRules, provider: ProviderName) -> str:
    expected = one.control.kinds.get(provider, ())
    return f"{len(one.kinds(provider))}/{len(expected)}" if expected else "-"


def _details(one: _ControlRules, catalogue: Catalogue) -> Iterator[str]:
    from scanner.cli.prose import PARTIES, entry

    control = one.control
    yield f"{control.id}: {control.title}"
    facts = {
        "domain": catalogue.domains[control.domain],
        "layer": f"{control.layer}: {catalogue.layers[control.layer].title}",
        "level": f"{control.level}: {_LEVELS[control.level]}",
        "severity": control.severity,
        "evidence": f"{control.evidence}: {_EVIDENCE[control.evidence]}",
        "party": ", ".join(f"{model} {PARTIES[cell]}" for model, cell in control.responsibility.items()),
        "you": control.obligations["customer"] or "nothing",
        "provider": control.obligations["provider"] or "nothing",
        **({"former ids": ", ".join(control.aliases)} if control.aliases else {}),
    }
    for head, text in facts.items():
        yield from entry(f"  {head}", text, _HEAD + 2)
    yield ""
    yield "EXPECTS EVIDENCE FROM (* evaluated by a rule)"
    for provider, kinds in control.kinds.items():
        marked = ", ".join(f"{kind}{'*' if kind in one.kinds(provider) else ''}" for kind in kinds)
        yield from entry(f"  {provider}", f"{marked} ({_ratio(one, provider)})", _HEAD + 2)
    if not any(control.kinds.values()):
        yield "  no kind of resource"
    yield ""
    yield "RULES"
    for rule in one.rules:
        where = f"{rule.text.for_} on {', '.join(rule.text.providers)}"
        yield f"  {rule.id}  ({rule.text.severity}; {where})"
        yield from entry("   ", rule.text.title, 4)
    if not one.rules:
        yield "  none yet: resources of the expected kinds count as unassessed"
    if shifts := _shifts(control, catalogue):
        yield ""
        yield "BOUNDARY SHIFTS"
        for shift in shifts:
            yield from entry(f"  {shift.kind}", shift.reason, 20)
    yield ""
    yield "RELATED TO"
    for framework, ids in control.refs.items():
        yield from entry(f"  {_FRAMEWORKS[framework]}", ", ".join(ids), 26)


def _shifts(control: Control, catalogue: Catalogue) -> list[Shift]:
    """The shifts that can change the party of this control on a kind that it expects."""
    expected = {kind for kinds in control.kinds.values() for kind in kinds}
    return [
        shift
        for shift in catalogue.shifts
        if shift.kind in expected and (shift.model is not None or control.layer in shift.layers)
    ]


def _record(one: _ControlRules, catalogue: Catalogue) -> Mapping[str, Any]:
    control = one.control
    return {
        **control.model_dump(mode="json"),
        "kinds_seen": {provider: one.kinds(provider) for provider in control.kinds},
        "rules": [
            {
                "id": rule.id,
                "title": rule.text.title,
                "severity": rule.text.severity,
                "for": rule.text.for_,
                "providers": rule.text.providers,
            }
            for rule in one.rules
        ],
        "shifts": [shift.id for shift in _shifts(control, catalogue)],
    }
