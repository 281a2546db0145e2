"""What a recording leaves out of an answer: texts that may be secrets, and that no facet is read from.

The recorder recognises secrets by their form and by the names of their keys. Here are the places where users
choose the names: the metadata of machines, which hold scripts and settings
(https://cloud.google.com/compute/docs/metadata/overview), the annotations of services, and the arguments of
programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WITHHELD = "REDACTED"

_READ = "created-by"
"""The metadata of a machine that is read: ``to_group`` in :mod:`providers.gcp.compute`."""
_OWN_ANNOTATIONS = "run.googleapis.com/"
_TEXTS = frozenset({"args", "command", "clientKey"})
_NODES = frozenset({"config", "nodeConfig"})
"""The configuration of the nodes of a GKE cluster, whose metadata is a mapping."""


def withheld(answer: Any) -> Any:
    """A copy of the answer without these texts. Names, numbers and switches stay."""
    if isinstance(answer, Mapping):
        return {name: _entry(name, value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [withheld(each) for each in answer]
    return answer


def _entry(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return _without_texts(value)
    found = withheld(value)
    if not isinstance(found, dict):
        return found
    if name in _NODES and "metadata" in found:
        found["metadata"] = _without_texts(found["metadata"])
    if name == "metadata" and isinstance(found.get("items"), list):
        found["items"] = [_item(each) for each in found["items"]]
    if name == "annotations":
        found = {
            key: text if key.startswith(_OWN_ANNOTATIONS) else _without_texts(text)
            for key, text in found.items()
        }
    return found


def _item(item: Any) -> Any:
    if not isinstance(item, Mapping) or item.get("key") == _READ:
        return item
    return {name: value if name == "key" else _without_texts(value) for name, value in item.items()}


def _without_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_texts(each) for each in value]
    return WITHHELD if isinstance(value, str) else value
