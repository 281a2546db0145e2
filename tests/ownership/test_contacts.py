"""Contacts of an account: informed if the settings say so, and never owners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scanner.ownership.explain.trace import trace
from tests.ownership.build import mistakes, resolver, target

PLACE = replace(target(), contacts=("security@example.com",))
SOURCE = {"from": "contact", "kinds": ["aws.alternate.security"]}


@pytest.mark.parametrize(
    ("source", "informed"),
    [
        (SOURCE, ("security@example.com",)),
        ({**SOURCE, "kinds": "gcp.essential.security"}, ()),
        ({**SOURCE, "domains": ["log"]}, ()),
        ({"from": "account_tag", "keys": ["owner"]}, ()),
    ],
)
def test_a_contact_is_informed_and_owns_nothing(source: dict[str, object], informed: tuple[str, ...]) -> None:
    answers = resolver(settings={"inferred": [source]})
    found = trace(answers, "data.encryption-at-rest", PLACE)
    assert found.informed == informed
    assert (found.status, found.owner) == ("nobody", None)


def test_unknown_contact_kinds_are_refused() -> None:
    source = "{from: contact, kinds: [aws.alternate]}"
    text = f"version: 1\nteams: {{a: {{}}}}\nowners: []\nsettings: {{inferred: [{source}]}}\n"
    (message,) = mistakes(text)
    assert message.startswith("ownership.yaml:4: settings.inferred.0.kinds.0: 'aws.alternate' is not one of")
