"""Strangers before many made-up policies: ``python -m tests.bench.strangers [20000] [bucket key role
token]``.

They try those that the product calls closed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from random import Random
from typing import Any

from tests.policy import judged
from tests.policy.generated import bucket_policy, federated_policy, key_policy, trust_policy

Case = tuple[
    Callable[[Random], Any],
    Callable[[Any], Any],
    Callable[[Any], judged.Verdict],
    Callable[[Any], object],
]
CASES: dict[str, Case] = {
    "bucket": (bucket_policy, lambda case: case, judged.bucket, judged.bucket_let_in),
    "key": (key_policy, lambda case: case, judged.key, judged.key_let_in),
    "role": (trust_policy, lambda case: case, judged.role, judged.role_let_in),
    "token": (
        federated_policy,
        lambda case: case[1],
        lambda case: judged.role(case[1]),
        lambda case: judged.token_let_in(*case),
    ),
}


def run(name: str, examples: int) -> judged.Tally:
    """Puts strangers before made-up policies of one kind."""
    make, policy_of, verdict, let_in = CASES[name]
    tally = judged.Tally()
    for seed in range(examples):
        case = make(Random(seed))
        found = verdict(case)
        tally.add(policy_of(case), found, let_in(case) if found == "closed" else None)
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
