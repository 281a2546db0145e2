"""The matrix as an OSCAL 1.1 system security plan: what is provided, owed, inherited and satisfied.

The clouds are components that *provide* their parts and impose *responsibilities*; the scopes are
components that *inherit* the former and *satisfy* the latter. ``satisfied`` is written only where every part
of a control in a scope has an owner and passing live evidence; ``inherited`` only where an unexpired
certificate covers the provider's part. The same report gives the same bytes.

Format: https://pages.nist.gov/OSCAL-Reference/models/v1.1.3/system-security-plan/json-reference/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from scanner.assess.coverage_rows import CoverageRow
from scanner.base.counts import many
from scanner.base.terminal import printable
from scanner.base.yaml import suggestion
from scanner.catalogue.control import Control
from scanner.catalogue.responsibility import Catalogue, UnknownControl
from scanner.exchange.matrix import Column, IncompleteReport, MatrixCell, OwnershipMatrix
from scanner.exchange.oscal_catalog import CATALOG, NIST_CATALOG, catalog_resource, nist_ids, nist_resource
from scanner.exchange.oscal_words import VERSION, identifier, prop, time, word
from scanner.model.resources.base import ProviderName

_HARMLESS = ("--control ", "--rule ")
"""Options that leave controls out or unassessed, which never makes a scope look better."""

_CLOUDS: Mapping[ProviderName, str] = {
    "aws": "Amazon Web Services",
    "azure": "Microsoft Azure",
    "gcp": "Google Cloud",
}

_SCOPES = "accounts, subscriptions, projects and tenants"

_STATUS = {"covered": "implemented", "inherited": "implemented", "not_applicable": "not-applicable"}
"""OSCAL's implementation status of the states that have an equivalent."""


def render(matrix: OwnershipMatrix, catalogue: Catalogue, out: TextIO) -> None:
    """Writes the plan; only one control is serialised at a time.

    Raises :class:`~scanner.exchange.matrix.IncompleteReport` if the report was narrowed in a way that could
    make a scope look better than it is, or has controls that are not in the catalogue.
    """
    narrowed = [option for option in matrix.scan.narrowed if not option.startswith(_HARMLESS)]
    if narrowed:
        raise IncompleteReport(
            f"{narrowed[0]} left resources out, so no control can be called satisfied: scan without it"
        )
    if not matrix.cells:
        raise IncompleteReport("the report assesses no control: there is no plan to write")
    controls = {id: _control(id, catalogue) for id in matrix.controls}
    for part, value in (
        ("uuid", identifier("plan", matrix.scan.id)),
        ("metadata", _metadata(matrix)),
        ("import-profile", {"href": f"#{CATALOG}"}),
        ("system-characteristics", _characteristics(matrix)),
        ("system-implementation", _implementation(matrix)),
    ):
        opening = '{"system-security-plan": {' if part == "uuid" else ","
        out.write(f"{opening}\n {json.dumps(part)}: {_json(value)}")
    basis = "Based on live configuration, the ownership file and the catalogue of controls."
    out.write(f',\n "control-implementation": {{"description": {_json(basis)}, "implemented-requirements": [')
    for place, (id, control) in enumerate(controls.items()):
        cells = {
            column: matrix.cells[id, column] for column in matrix.columns if (id, column) in matrix.cells
        }
        out.write(f"{',' if place else ''}\n  {_json(_requirement(id, control, cells, matrix))}")
    resources = [nist_resource(), catalog_resource(controls, catalogue, matrix.scan)]
    out.write(f'\n ]}},\n "back-matter": {_json({"resources": resources})}\n}}}}\n')


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _control(id: str, catalogue: Catalogue) -> Control:
    try:
        (known,) = catalogue.select(id)
    except UnknownControl:
        hint = suggestion(id, catalogue.controls)
        problem = f"the report has the control {id!r}, which is not in the catalogue{hint}"
        raise IncompleteReport(f"{problem}: make the report again with this version") from None
    return catalogue.controls[known]


def _metadata(matrix: OwnershipMatrix) -> dict[str, Any]:
    clouds = sorted({column.provider for column in matrix.columns})
    parties = [
        {"uuid": _party(name), "type": "organization", "name": _CLOUDS[name], "short-name": name}
        for name in _CLOUDS
        if name in clouds
    ]
    parties += [{"uuid": _team(team), "type": "organization", "name": word(team)} for team in _teams(matrix)]
    return {
        "title": "Responsibility for cloud security controls",
        "last-modified": time(matrix.scan.finished),
        "version": matrix.scan.id,
        "oscal-version": VERSION,
        "props": [
            prop("gapscan-version", matrix.scan.version),
            prop("judged-by", time(matrix.scan.now)),
            prop("complete", str(matrix.scan.complete).lower()),
        ],
        "roles": [
            {"id": "accountable", "title": "The team accountable for a control"},
            {"id": "provider", "title": "The cloud provider"},
        ],
        "parties": parties,
    }


def _characteristics(matrix: OwnershipMatrix) -> dict[str, Any]:
    return {
        "system-ids": [{"identifier-type": "http://ietf.org/rfc/rfc4122", "id": _system(matrix)}],
        "system-name": "Cloud estate",
        "description": f"{many(len(matrix.columns), 'account, subscription, project or tenant', _SCOPES)}.",
        "system-information": {
            "information-types": [
                {
                    "uuid": identifier("information"),
                    "title": "Not specified",
                    "description": "The information in the estate is not part of this export.",
                }
            ]
        },
        "status": {"state": "operational"},
        "authorization-boundary": {"description": "The scopes that are components of this plan."},
    }


def _implementation(matrix: OwnershipMatrix) -> dict[str, Any]:
    clouds = sorted({column.provider for column in matrix.columns})
    this = _component("this-system", identifier("component", "this"), "Cloud estate", "All scopes together.")
    components = [this]
    for name, title in _CLOUDS.items():
        if name in clouds:
            cloud = _component("service", _cloud(name), title, f"The provider {name}.")
            roles = [{"role-id": "provider", "party-uuids": [_party(name)]}]
            components.append({**cloud, "responsible-roles": roles})
    for column in matrix.columns:
        description = f"The scope {printable(column.id)} of {column.provider}."
        component = _component("system", _scope(column), word(column.name), description)
        props = [prop("provider", column.provider), prop("scope", column.id)]
        components.append({**component, "props": props})
    users = [
        {"uuid": identifier("user", "accountable"), "title": "Accountable teams", "role-ids": ["accountable"]}
    ]
    return {"users": users, "components": components}


def _component(type: str, uuid: str, title: str, description: str) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "type": type,
        "title": title,
        "description": description,
        "status": {"state": "operational"},
    }


def _requirement(
    id: str, control: Control, cells: Mapping[Column, MatrixCell], matrix: OwnershipMatrix
) -> dict[str, Any]:
    clouds = sorted({column.provider for column in cells})
    requirement: dict[str, Any] = {
        "uuid": identifier("requirement", _system(matrix), id),
        "control-id": id,
        "props": [prop("severity", control.severity), prop("level", control.level)],
        "by-components": [
            *(_of_cloud(id, control, cloud) for cloud in clouds),
            *(_of_scope(id, control, column, cell) for column, cell in cells.items()),
        ],
    }
    related = nist_ids(control)
    requirement["props"] += [prop("nist-800-53r5", one) for one in related.values()]
    if related:
        requirement["links"] = [
            {"href": f"#{NIST_CATALOG}", "rel": "related", "resource-fragment": one, "text": written}
            for written, one in related.items()
        ]
    return requirement


def _of_cloud(id: str, control: Control, cloud: str) -> dict[str, Any]:
    """The provider's part, and the part that it leaves to the customer."""
    provider, customer = control.obligations["provider"], control.obligations["customer"]
    export: dict[str, Any] = {}
    if provider is not None:
        export["provided"] = [{"uuid": identifier("provided", cloud, id), "description": provider}]
    if customer is not None:
        owed = {"uuid": identifier("responsibility", cloud, id), "description": customer}
        if provider is not None:
            owed["provided-uuid"] = identifier("provided", cloud, id)
        export["responsibilities"] = [owed]
    return {
        "component-uuid": _cloud(cloud),
        "uuid": identifier("by-cloud", cloud, id),
        "description": provider or "None: the control is entirely the customer's.",
        "export": export,
    }


def _of_scope(id: str, control: Control, column: Column, cell: MatrixCell) -> dict[str, Any]:
    """The control in a scope: what is inherited, what is satisfied, and by which teams."""
    place = (column.provider, column.id, id)
    accountable = _accountable(cell)
    entry: dict[str, Any] = {
        "component-uuid": _scope(column),
        "uuid": identifier("by-scope", *place),
        "description": f"{control.title}: {cell.state}.",
        "props": [prop("state", cell.state), prop("evidence", cell.evidence)],
    }
    if status := _status(cell):
        entry["implementation-status"] = {"state": status}
    if control.obligations["provider"] is not None and any(map(_is_inherited, cell.rows)):
        entry["inherited"] = [
            {
                "uuid": identifier("inherited", *place),
                "provided-uuid": identifier("provided", column.provider, id),
                "description": control.obligations["provider"],
            }
        ]
    if control.obligations["customer"] is not None and _is_satisfied(cell):
        entry["satisfied"] = [
            {
                "uuid": identifier("satisfied", *place),
                "responsibility-uuid": identifier("responsibility", column.provider, id),
                "description": "Owned, with live configuration or a current attestation as evidence.",
                "responsible-roles": accountable,
            }
        ]
    if cell.owners:
        entry["responsible-roles"] = accountable
    entry["remarks"] = "\n".join(_remarks(cell))
    return entry


def _is_inherited(row: CoverageRow) -> bool:
    return row.party == "provider" and row.state == "inherited"


def _is_satisfied(cell: MatrixCell) -> bool:
    """Whether all of the customer's part in the cell is owned and passes."""
    owed = [row for row in cell.rows if row.state != "not_applicable" and not _is_inherited(row)]
    return bool(owed) and all(
        row.state == "covered" and row.evidence == "pass" and row.ownership == "owned" and row.owner
        for row in owed
    )


def _status(cell: MatrixCell) -> str | None:
    """OSCAL's implementation status; ``None`` if nothing passed."""
    whole = _STATUS.get(cell.state)
    if whole is not None and (cell.state != "covered" or _is_satisfied(cell)):
        return whole
    return "partial" if any(row.counts["pass"] for row in cell.rows) else None


def _remarks(cell: MatrixCell) -> Iterator[str]:
    for row in cell.rows:
        who = row.owner if row.ownership == "owned" and row.owner else row.ownership
        who = f"{row.provider} (provider)" if row.party == "provider" else who
        counts = ", ".join(f"{number} {outcome}" for outcome, number in row.counts.items() if number)
        yield f"{printable(who)}: {row.state}, evidence {row.evidence}{f' ({counts})' if counts else ''}"


def _accountable(cell: MatrixCell) -> list[dict[str, Any]]:
    return [{"role-id": "accountable", "party-uuids": [_team(team) for team in cell.owners]}]


def _teams(matrix: OwnershipMatrix) -> list[str]:
    return sorted({team for cell in matrix.cells.values() for team in cell.owners})


def _system(matrix: OwnershipMatrix) -> str:
    """The identifier of the estate, made of its scopes."""
    return identifier("system", *(f"{column.provider}/{column.id}" for column in matrix.columns))


def _team(name: str) -> str:
    return identifier("team", name)


def _party(provider: str) -> str:
    return identifier("party", provider)


def _cloud(provider: str) -> str:
    return identifier("component", provider)


def _scope(column: Column) -> str:
    return identifier("component", column.provider, column.id)
