"""``gapscan rules coverage``: which requirements of benchmarks are answered, and by what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import Usage, exit_on_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scanner.rule.benchmarks import Benchmark, Requirement

_GROUPS = (
    ("rules", "by rules"),
    ("attestation", "by attestation"),
    ("related", "related only"),
    ("nothing", "not at all"),
)


def coverage(
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules",
            metavar="PACK",
            help="Rule pack: a folder, or 'builtin'. Repeatable. [default: builtin]",
        ),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="Only this benchmark, such as cis_aws_7_0. Repeatable.", metavar="NAME"),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Show which requirements of each benchmark are answered: by rules, by an attestation, or not.

    Related only: rules touch the requirement and do not answer it. Ids alone are printed; the texts belong
    to the publishers of the benchmarks.
    """
    with exit_on_error():
        import json
        from dataclasses import asdict

        from scanner.base.yaml import suggestion
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.rule.benchmarks import load_benchmarks, requirements
        from scanner.rule.packs import BUILTIN, load_packs

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        catalogue = load_catalogue()
        known = load_benchmarks(catalogue)
        for name in benchmark or ():
            if name not in known:
                hint = suggestion(name, known)
                raise Usage(f"--benchmark {name}: it is one of {', '.join(known)}{hint}")
        chosen = {name: one for name, one in known.items() if not benchmark or name in benchmark}
        pack = load_packs(rules or [BUILTIN], catalogue)
        found = {name: requirements(name, one, pack, catalogue) for name, one in chosen.items()}
        if form == "json":
            lines = [
                {
                    "benchmark": name,
                    "name": chosen[name].name,
                    "provider": chosen[name].provider,
                    "requirements": [asdict(one) for one in of],
                }
                for name, of in found.items()
            ]
            typer.echo(json.dumps(lines, indent=1, ensure_ascii=False))
            return
        for line in _lines(chosen, found):
            typer.echo(line)


def _lines(chosen: Mapping[str, Benchmark], found: Mapping[str, tuple[Requirement, ...]]) -> Iterator[str]:
    import textwrap

    for number, (name, of) in enumerate(found.items()):
        if number:
            yield ""
        yield f"{name}: {chosen[name].name}, {len(of)} requirements"
        for by, title in _GROUPS:
            ids = [one.id for one in of if one.by == by]
            label = f"  {title:14}  {len(ids):3}"
            yield from textwrap.wrap(
                " ".join(ids) or "none",
                width=100,
                initial_indent=f"{label}  ",
                subsequent_indent=" " * (len(label) + 2),
                break_on_hyphens=False,
            )
