"""``make bench``: prints figures beside their bounds; writes nothing to the repository.

``python -m tests.bench.run [SUBJECT…]`` measures some of them: a subject is a file of this folder with a
function ``figures``. Ends with 1 and names what misses its bound or cannot be measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module

from tests.bench.figure import CannotBeMeasured

# First those that measure memory, before this process grows: see tests.bench.process.Used.
SUBJECTS = ("assess", "readers", "start", "expressions", "owners", "aws_scan")


def main(subjects: Iterable[str]) -> int:
    """Measures and prints; returns the exit code."""
    chosen = frozenset(subjects) or frozenset(SUBJECTS)
    if unknown := chosen - frozenset(SUBJECTS):
        print(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
        return 2
    missed = []
    for subject in SUBJECTS:
        if subject not in chosen:
            continue
        try:
            for figure in import_module(f"tests.bench.{subject}").figures():
                print(figure, flush=True)
                if figure.missed:
                    missed.append(figure.name)
        except CannotBeMeasured as error:
            print(f"{subject}: {error}", flush=True)
            missed.append(subject)
    if missed:
        print(f"\nmissed: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
