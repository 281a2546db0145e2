"""An earlier report that findings are compared with: what is new since then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from scanner.assess.finding import Finding
from scanner.assess.states import EVIDENCE_ORDER, Evidence
from scanner.base.files import open_file
from scanner.base.yaml import DocumentError, Problem

REPORT_SCHEMA: Literal["gapscan.report/v1"] = "gapscan.report/v1"
"""The schema of the reports that can be a baseline."""


@dataclass(frozen=True)
class Baseline:
    """The findings of an earlier report, and the rules of its pack."""

    name: str
    evidence: Mapping[str, Evidence]
    rules: frozenset[str]
    findings: tuple[Finding, ...] = ()
    """Sorted by uid."""

    @cached_property
    def known(self) -> frozenset[str]:
        """The uids of all its findings, including ownership findings."""
        return frozenset(self.evidence) | {finding.uid for finding in self.findings}

    def is_new_rule(self, finding: Finding) -> bool:
        """Whether the rule was not in the pack of the baseline."""
        return finding.rule is not None and finding.rule not in self.rules

    def is_new(self, finding: Finding) -> bool:
        """Whether it is absent from the baseline, or its evidence is worse now."""
        before = self.evidence.get(finding.uid)
        if before is None or finding.evidence is None:
            return True
        return EVIDENCE_ORDER.index(finding.evidence) < EVIDENCE_ORDER.index(before)


def load_baseline(path: Path) -> Baseline:
    """Reads a JSON report. Raises :class:`DocumentError` if the file is not a valid one."""
    document = read_report(path)
    found = findings_of(document, path)
    try:
        rules = frozenset(str(rule) for rule in document["scan"]["pack"])
    except (KeyError, TypeError) as error:
        raise damaged(path, error) from None
    if not rules:
        message = "lists no rules, so nothing can be compared with it: make one with --report json=PATH"
        raise DocumentError([Problem(str(path), 1, message)])
    evidence = {finding.uid: finding.evidence for finding in found if finding.evidence is not None}
    return Baseline(str(path), evidence, rules, found)


def read_report(path: Path) -> dict[str, Any]:
    """The parsed JSON of a report. Raises :class:`DocumentError` if unreadable or of another schema."""
    try:
        with open_file(path) as file:
            document: Any = json.loads(file.read().decode("utf-8"))
    except OSError as error:
        raise DocumentError([Problem(str(path), 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise DocumentError([Problem(str(path), 1, "is not a JSON report: not UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        raise DocumentError(
            [Problem(str(path), error.lineno, f"is not a JSON report: {error.msg}")]
        ) from None
    except ValueError:
        message = "is not a JSON report: a number in it is too long"
        raise DocumentError([Problem(str(path), 1, message)]) from None
    except RecursionError:
        message = "is not a JSON report: nested too deeply"
        raise DocumentError([Problem(str(path), 1, message)]) from None
    if not isinstance(document, dict) or document.get("schema") != REPORT_SCHEMA:
        message = f"is not a report of schema {REPORT_SCHEMA}: make one with --report json=PATH"
        raise DocumentError([Problem(str(path), 1, message)])
    return document


def findings_of(document: Mapping[str, Any], path: Path) -> tuple[Finding, ...]:
    """The findings of a parsed report, sorted by uid. Raises :class:`DocumentError` if they are damaged."""
    try:
        entries = (Finding.model_validate_json(json.dumps(entry)) for entry in document["findings"])
        return tuple(sorted(entries, key=lambda finding: finding.uid))
    except (ValidationError, KeyError, TypeError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> DocumentError:
    """The error for a report that does not match its schema."""
    return DocumentError([Problem(str(path), 1, f"is damaged: {str(error).splitlines()[0]}")])
