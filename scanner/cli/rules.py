"""``gapscan rules``: list, show and test rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.deferred import CommandGroup
from scanner.cli.exits import Usage, exit_on_error, stop
from scanner.cli.rule_coverage import coverage

if TYPE_CHECKING:
    from scanner.rule.packs import Pack
    from scanner.rule.rule import Rule

app = typer.Typer(
    cls=CommandGroup,
    help="List, show and test rules, and see which requirements they answer.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("coverage")(coverage)

Packs = Annotated[
    list[str] | None,
    typer.Option(
        "--rules", metavar="PACK", help="Rule pack: a folder, or 'builtin'. Repeatable. [default: builtin]"
    ),
]


def load(packs: list[str] | None) -> Pack:
    """The rules of the packs."""
    from scanner.catalogue.responsibility import load_catalogue
    from scanner.rule.packs import BUILTIN, load_packs

    return load_packs(packs or [BUILTIN], load_catalogue())


@app.command("list")
def list_rules(
    rules: Packs = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """List all rules: severity, id, kind, clouds and title."""
    import json

    with exit_on_error():
        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        pack = load(rules)
        if form == "json":
            lines = [
                {
                    "id": rule.id,
                    "title": rule.text.title,
                    "control": rule.text.control,
                    "severity": rule.text.severity,
                    "for": rule.text.for_,
                    "providers": rule.text.providers,
                    "refs": rule.text.refs,
                    "related": rule.text.related,
                }
                for rule in pack.rules.values()
            ]
            typer.echo(json.dumps(lines, indent=1, ensure_ascii=False))
            return
        for rule in pack.rules.values():
            clouds = ",".join(rule.text.providers)
            typer.echo(
                f"{rule.text.severity:8} {rule.id:34} {rule.text.for_:8} {clouds:14} {rule.text.title}"
            )


@app.command("show")
def show(rule: Annotated[str, typer.Argument(help="Id of the rule.")], rules: Packs = None) -> None:
    """Show one rule: condition, rationale, remediation, and the requirements that it answers or touches."""
    with exit_on_error():
        pack = load(rules)
        try:
            (chosen,) = pack.choose([rule])
        except KeyError as error:
            raise Usage(str(error.args[0])) from None
        typer.echo(_details(chosen))


def _details(rule: Rule) -> str:
    text = rule.text
    lines = [
        f"{rule.id}: {text.title}",
        f"  control   {text.control}",
        f"  severity  {text.severity}",
        f"  for       {text.for_} on {', '.join(text.providers)}",
        *([f"  when      {text.when.strip()}"] if text.when else []),
        f"  require   {text.require.strip()}",
        f"  reads     {', '.join(sorted(rule.facets))}",
        *(f"  answers   {name}: {', '.join(ids)}" for name, ids in text.refs.items()),
        *(f"  related   {name}: {', '.join(ids)}" for name, ids in text.related.items()),
        "",
        text.rationale.strip(),
    ]
    for provider in text.providers:
        lines += ["", f"On {provider}: {text.remediation[provider].strip()}"]
        if provider in text.notes:
            lines.append(f"Note: {text.notes[provider].strip()}")
    return "\n".join(lines)


@app.command("test")
def test(
    packs: Annotated[list[str] | None, typer.Argument(metavar="PACK", help="Folders, or 'builtin'.")] = None,
) -> None:
    """Run the examples of all rules; exit code 1 if a verdict differs from the stated one."""
    from scanner.base.counts import many
    from scanner.base.yaml import DocumentError, Problem
    from scanner.rule.examples import run_examples

    with exit_on_error():
        pack = load(packs)
        problems: list[Problem] = []
        malformed: list[Problem] = []
        for rule in pack.rules.values():
            try:
                problems += run_examples(rule)
            except DocumentError as error:
                malformed += error.problems
        if malformed:
            raise DocumentError(malformed)
        for problem in problems:
            typer.echo(str(problem))
        examples = sum(len(example) for rule in pack.rules.values() for example in rule.text.examples)
        numbers = f"{many(len(pack.rules), 'rule')}, {many(examples, 'example')}"
        typer.echo(f"{numbers}, {len(problems)} wrong")
        if problems:
            stop("gapscan: some examples do not get their stated verdict", 1)
