"""Proposals: drafted lines and teams that own nothing until a person removes their mark.

They are looked up apart from the lines in force, so that no proposal can change an answer.
"""

from __future__ import annotations

from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.resolve.facts import FactExtractor
from scanner.ownership.resolve.index import ClauseIndex
from scanner.ownership.resolve.selection import Facts, OwnershipTarget

_MAX_CACHED = 1024
"""Answers that are cached."""


class Proposals:
    """The proposed lines of a file."""

    def __init__(self, file: OwnershipFile) -> None:
        self._file = file
        clauses = [clause for line in file.proposals for clause in line.clauses]
        self.extractor = FactExtractor.of(file, clauses)
        self._index = ClauseIndex(file.proposals)
        self._answers: dict[tuple[str, Facts], str | None] = {}

    def team(self, control: str, target: OwnershipTarget) -> str | None:
        """The team that the most specific proposals for a control name; ``None`` if there is not just one."""
        if not self._file.proposals:
            return None
        facts = self.extractor.facts(target)
        if (control, facts) not in self._answers:
            if len(self._answers) >= _MAX_CACHED:
                self._answers.clear()
            self._answers[control, facts] = self._team(control, facts)
        return self._answers[control, facts]

    def facts(self, target: OwnershipTarget) -> Facts | None:
        """All of a target that the proposed lines can distinguish; ``None`` if there are none."""
        return self.extractor.facts(target) if self._file.proposals else None

    def _team(self, control: str, facts: Facts) -> str | None:
        fitting = [
            (one.line.controls[control].rank, one.clause.rank, self._file.accountable(one.line))
            for one in self._index.fitting(facts)
            if one.certain and control in one.line.controls
        ]
        if not fitting:
            return None
        most = max((rank, of_clause) for rank, of_clause, _ in fitting)
        teams = {team for rank, of_clause, team in fitting if (rank, of_clause) == most}
        return teams.pop() if len(teams) == 1 else None
