"""The customer's ownership file: schema, selection, resolution, inference and defects."""

from __future__ import annotations

from scanner.ownership.file import OwnershipFile
from scanner.ownership.lint import Defect
from scanner.ownership.load import load_ownership
from scanner.ownership.resolve import Ownership, Resolver
from scanner.ownership.schema import StatementText, schema_json
from scanner.ownership.selection import Subject

__all__ = [
    "Defect",
    "Ownership",
    "OwnershipFile",
    "Resolver",
    "StatementText",
    "Subject",
    "load_ownership",
    "schema_json",
]
