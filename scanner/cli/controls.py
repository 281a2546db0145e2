"""``gapscan controls``: the catalogue of obligations, and how much of each the rules see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from scanner.cli.exits import Usage, exit_on_error
from scanner.cli.rules import Packs

if TYPE_CHECKING:
    from scanner.catalogue.boundary import Shift
    from scanner.catalogue.control import Control
    from scanner.catalogue.responsibility import Catalogue
    from scanner.model.resources.base import ProviderName
    from scanner.rule.rules import Pack, Rule

app = typer.Typer(
    help="List and show controls: what is owed, by whom, and how much of it the rules see.",
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
    "organisation": "judged once, for the organisation",
    "tenant": "judged once, in the identity tenant",
    "scope": "judged in each account, subscription or project",
    "resource": "judged on each resource",
}

_EVIDENCE = {
    "auto": "live configuration shows it",
    "hybrid": "live configuration and a statement show it",
    "statement": "only a person can attest it",
}

_LETTERS = {"customer": "y", "provider": "p", "both": "b", "none": "-"}

_HEAD = 12


@dataclass(frozen=True)
class _Seen:
    """A control, and what of it the rules of the chosen packs look at."""

    control: Control
    rules: tuple[Rule, ...]

    def kinds(self, provider: ProviderName) -> tuple[str, ...]:
        """The expected kinds that some rule examines on that cloud."""
        examined = {rule.text.for_ for rule in self.rules if provider in rule.text.providers}
        return tuple(kind for kind in self.control.kinds.get(provider, ()) if kind in examined)

    def whole(self) -> bool | None:
        """Whether every expected kind on every cloud is examined; ``None``: none is expected anywhere."""
        expected = [provider for provider, kinds in self.control.kinds.items() if kinds]
        if not expected:
            return None
        return all(self.kinds(provider) == self.control.kinds[provider] for provider in expected)


def _load(packs: list[str] | None, form: str) -> tuple[Catalogue, Pack]:
    from scanner.catalogue.responsibility import load_catalogue
    from scanner.rule.rules import BUILTIN, load_packs

    if form not in ("text", "json"):
        raise Usage(f"--format {form}: it is text or json")
    catalogue = load_catalogue()
    return catalogue, load_packs(packs or [BUILTIN], catalogue)


def _chosen(catalogue: Catalogue, pack: Pack, selectors: Sequence[str]) -> list[_Seen]:
    from scanner.catalogue.responsibility import UnknownControl

    try:
        ids = frozenset().union(*(catalogue.select(selector) for selector in selectors or ["*"]))
    except UnknownControl as error:
        raise Usage(str(error)) from None
    rules = pack.rules.values()
    return [
        _Seen(control, tuple(rule for rule in rules if rule.text.control == control.id))
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
    """List controls: level, severity, party under each service model, evidence, and kinds seen."""
    with exit_on_error():
        catalogue, pack = _load(rules, form)
        seen = _chosen(catalogue, pack, controls or [])
        if form == "json":
            _echo([_record(one, catalogue) for one in seen])
        else:
            typer.echo("\n".join(_table(seen)))


@app.command("show")
def show(
    control: Annotated[str, typer.Argument(help="Id of the control, or a former one.")],
    rules: Packs = None,
    form: Form = "text",
) -> None:
    """Show one control: both parties' obligations, its rules, what it expects, related requirements."""
    with exit_on_error():
        catalogue, pack = _load(rules, form)
        seen = _chosen(catalogue, pack, [control])
        if len(seen) != 1:
            raise Usage(f"{control} means {len(seen)} controls: see gapscan controls list {control}")
        if form == "json":
            _echo(_record(seen[0], catalogue))
        else:
            typer.echo("\n".join(_shown(seen[0], catalogue)))


def _echo(record: Any) -> None:
    import json

    typer.echo(json.dumps(record, indent=1, ensure_ascii=False))


def _table(seen: Sequence[_Seen]) -> Iterator[str]:
    from scanner.cli.prose import row
    from scanner.model.resources.base import ProviderName

    providers: tuple[ProviderName, ...] = get_args(ProviderName)
    clouds = [(provider, 6) for provider in providers]
    widths = (max(len(one.control.id) for one in seen) + 1, 13, 9, 7, 10, 6)
    titles = ("control", "level", "severity", "party", "evidence", "rules")
    yield row([*zip(titles, widths, strict=True), *clouds])
    for one in seen:
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
    whole = [one.whole() for one in seen]
    unseen = sum(1 for one in seen if one.whole() is not None and not one.rules)
    statements = sum(1 for one in seen if one.control.evidence != "auto")
    yield (
        f"{len(seen)} controls: {whole.count(True)} seen in full, {whole.count(False) - unseen} in part, "
        f"{unseen} by no rule yet; {statements} want a statement."
    )
    models = " ".join(seen[0].control.responsibility)
    yield f"party, under {models}: y yours, p the provider's, b both, - neither."
    yield "aws, azure, gcp: kinds of resource that rules look at, of those that the control expects."


def _ratio(one: _Seen, provider: ProviderName) -> str:
    expected = one.control.kinds.get(provider, ())
    return f"{len(one.kinds(provider))}/{len(expected)}" if expected else "-"


def _shown(one: _Seen, catalogue: Catalogue) -> Iterator[str]:
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
    yield "EXPECTS EVIDENCE FROM (* some rule looks at it)"
    for provider, kinds in control.kinds.items():
        marked = ", ".join(f"{kind}{'*' if kind in one.kinds(provider) else ''}" for kind in kinds)
        yield from entry(f"  {provider}", f"{marked} ({_ratio(one, provider)})", _HEAD + 2)
    if not any(control.kinds.values()):
        yield "  no resource shows it"
    yield ""
    yield "RULES"
    for rule in one.rules:
        where = f"{rule.text.for_} on {', '.join(rule.text.providers)}"
        yield f"  {rule.id}  ({rule.text.severity}; {where})"
        yield from entry("   ", rule.text.title, 4)
    if not one.rules:
        yield "  none yet: a resource that could show it counts as unassessed"
    if shifts := _shifts(control, catalogue):
        yield ""
        yield "WHAT MOVES THE LINE"
        for shift in shifts:
            yield from entry(f"  {shift.kind}", shift.reason, 20)
    yield ""
    yield "RELATED TO"
    for framework, ids in control.refs.items():
        yield from entry(f"  {_FRAMEWORKS[framework]}", ", ".join(ids), 26)


def _shifts(control: Control, catalogue: Catalogue) -> list[Shift]:
    """What moves the line for this control on a kind that it expects."""
    expected = {kind for kinds in control.kinds.values() for kind in kinds}
    return [
        shift
        for shift in catalogue.shifts
        if shift.kind in expected and (shift.model is not None or control.layer in shift.layers)
    ]


def _record(one: _Seen, catalogue: Catalogue) -> Mapping[str, Any]:
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
