"""Commands whose options come in groups: a parameter that is a dataclass stands for its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each option of its groups as a parameter of its own, in their order.

    Every field of a group has a default and is annotated as typer wants it; lists stay lists.
    """
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    groups: dict[str, type[Any]] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.items():
        if name not in groups:
            parameters.append(parameter.replace(annotation=hints[name], kind=_KIND))
            continue
        types = get_type_hints(groups[name], include_extras=True)
        parameters += [
            inspect.Parameter(field.name, _KIND, default=_default(field), annotation=types[field.name])
            for field in fields(groups[name])
        ]

    @wraps(command)
    def expanded(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    # typer asks the wrapper, and must not look through it.
    del expanded.__wrapped__
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


_KIND = inspect.Parameter.KEYWORD_ONLY


def _default(field: Field[Any]) -> Any:
    if field.default is MISSING:
        raise TypeError(f"the option {field.name} has no default")
    return field.default
