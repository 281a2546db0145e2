"""The catalogue of controls as an OSCAL catalog, and its related controls of NIST SP 800-53."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from scanner.catalogue.control import Control
from scanner.catalogue.responsibility import Catalogue
from scanner.exchange.oscal_words import VERSION, identifier, prop, time
from scanner.report.model import Scan

NIST_CATALOG = identifier("resource", "nist-800-53r5")
"""The resource that links to NIST SP 800-53 refer to."""

CATALOG = identifier("resource", "catalog")
"""The resource that holds the controls of a plan."""

_NIST = re.compile(r"([A-Z]{2})-(\d+)(?:\((\d+)\))?")


def nist_ids(control: Control) -> dict[str, str]:
    """The OSCAL form of each related id of NIST SP 800-53r5: AC-2(1) is ac-2.1."""
    found = {}
    for written in control.refs.get("nist_800_53r5", ()):
        match = _NIST.fullmatch(written)
        if match is not None:
            family, number, enhancement = match.groups()
            found[written] = f"{family.lower()}-{number}{f'.{enhancement}' if enhancement else ''}"
    return found


def nist_resource() -> dict[str, Any]:
    """The NIST catalog as a linked resource."""
    base = "https://raw.githubusercontent.com/usnistgov/oscal-content/main/nist.gov/SP800-53/rev5/json"
    return {
        "uuid": NIST_CATALOG,
        "title": "NIST SP 800-53 Revision 5",
        "description": "Controls are related to those of this catalog, without a claim to satisfy them.",
        "rlinks": [
            {"href": f"{base}/NIST_SP-800-53_rev5_catalog.json", "media-type": "application/oscal+json"}
        ],
    }


def catalog_resource(controls: Mapping[str, Control], catalogue: Catalogue, scan: Scan) -> dict[str, Any]:
    """The plan's controls as a catalog embedded in the plan, which is self-contained."""
    text = json.dumps(_catalog(controls, catalogue, scan), ensure_ascii=False)
    return {
        "uuid": CATALOG,
        "title": "Catalog of the controls",
        "description": "An OSCAL catalog of the controls in this plan.",
        "base64": {
            "filename": "catalog.json",
            "media-type": "application/oscal+json",
            "value": base64.b64encode(text.encode()).decode("ascii"),
        },
    }


def _catalog(controls: Mapping[str, Control], catalogue: Catalogue, scan: Scan) -> dict[str, Any]:
    domains = sorted({control.domain for control in controls.values()})
    return {
        "catalog": {
            "uuid": identifier("catalog", scan.id),
            "metadata": {
                "title": "Cloud security controls",
                "last-modified": time(scan.finished),
                "version": scan.version,
                "oscal-version": VERSION,
            },
            "groups": [
                {
                    "id": domain,
                    "title": catalogue.domains[domain],
                    "controls": [
                        _entry(id, control) for id, control in controls.items() if control.domain == domain
                    ],
                }
                for domain in domains
            ],
        }
    }


def _entry(id: str, control: Control) -> dict[str, Any]:
    parts = [
        {"id": f"{id}_{party}", "name": "statement", "title": f"The {party}'s part", "prose": obligation}
        for party, obligation in sorted(control.obligations.items())
        if obligation is not None
    ]
    entry: dict[str, Any] = {"id": id, "title": control.title, "props": [prop("severity", control.severity)]}
    return {**entry, "parts": parts} if parts else entry
