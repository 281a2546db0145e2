"""Whether a policy refuses requests without TLS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scanner.policy.admission import Statement
from scanner.policy.conditions import Condition


def denials_without_tls(statements: Iterable[Statement], *actions: str) -> tuple[Statement, ...]:
    """The statements that deny everyone every action, by one of these patterns, for all requests without
    TLS."""
    return tuple(
        each
        for each in statements
        if not each.allow
        and ("aws", "*") in each.principals
        and not each.all_but_principals
        and not each.all_but
        and set(actions) & set(each.actions)
        and _met_without_tls(each.conditions)
    )


def _met_without_tls(conditions: Sequence[Condition]) -> bool:
    """Whether the conditions of a Deny statement hold for every request without TLS.

    By ``aws:SecureTransport`` false, which every request has once, so that a qualifier changes nothing; or
    by a minimum ``s3:TlsVersion`` with ``IfExists`` (or ``ForAllValues``): a request without TLS lacks that
    key, so that the condition would not hold otherwise.
    """
    if not conditions:
        return True
    if len(conditions) > 1:
        return False
    (condition,) = conditions
    if condition.key == "aws:securetransport":
        return condition.test == "flag" and "false" in {value.lower() for value in condition.values}
    below = condition.test == "number" and condition.comparison in ("<", "<=") and not condition.negated
    return (
        condition.key == "s3:tlsversion" and below and (condition.if_exists or condition.qualifier == "all")
    )
