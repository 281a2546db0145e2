"""The language of rules: a documented subset of CEL, checked against the models, three-valued."""

from __future__ import annotations

from scanner.expression.errors import ExpressionError
from scanner.expression.located import located
from scanner.expression.predicate import Predicate, compile_predicate, variable_of
from scanner.expression.reference import reference
from scanner.expression.template import Template, compile_template

__all__ = [
    "ExpressionError",
    "Predicate",
    "Template",
    "compile_predicate",
    "compile_template",
    "located",
    "reference",
    "variable_of",
]
