"""Strangers before many made-up policies: ``python -m tests.bench.strangers [20000] [bucket key role
token]``.

They try those that the product calls closed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.policy import judged
from tests.policy.generated import BUCKETS, FEDERATED, KEYS, TRUSTS

Case = tuple[Any, Callable[[Any], Any], Callable[[Any], judged.Verdict], Callable[[Any], object]]
CASES: dict[str, Case] = {
    "bucket": (BUCKETS, lambda case: case, judged.bucket, judged.bucket_let_in),
    "key": (KEYS, lambda case: case, judged.key, judged.key_let_in),
    "role": (TRUSTS, lambda case: case, judged.role, judged.role_let_in),
    "token": (
        FEDERATED,
        lambda case: case[1],
        lambda case: judged.role(case[1]),
        lambda case: judged.token_let_in(*case),
    ),
}


def run(name: str, examples: int) -> judged.Tally:
    """Puts strangers before generated policies of one kind."""
    strategy, policy_of, verdict, let_in = CASES[name]
    tally = judged.Tally()

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(case: Any) -> None:
        found = verdict(case)
        tally.add(policy_of(case), found, let_in(case) if found == "closed" else None)

    each()
    return tally


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for kind in sys.argv[2:] or CASES:
        found = run(kind, number)
        total = sum(found.counts.values())
        print(f"{kind}: {total} policies, {len(found.false_passes)} false passes")
        for label, count in sorted(found.counts.items()):
            print(f"  {label}: {count} ({count / total:.1%})")
        for policy, stranger in found.false_passes[:5]:
            print("  " + json.dumps(policy), stranger, sep="\n    ")
