"""Commands whose files are imported when they are asked for, so that help and version need none of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


class Deferred(TyperCommand):
    """What the help of a group says of one of its commands, or of a group in it, until that is loaded.

    ``target`` is where it is, as ``module:name``: a function, or a ``typer.Typer`` for a group. ``summary``
    is the first paragraph of its help.
    """

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._target = target

    def load(self) -> TyperCommand | TyperGroup:
        """The command or group itself. Imports its file."""
        module, _, attribute = self._target.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = self.name
            return group
        alone = typer.Typer(rich_markup_mode=None, add_completion=False)
        alone.command(self.name)(found)
        command = typer.main.get_command(alone)
        assert isinstance(command, TyperCommand)
        return command


class CommandGroup(TyperGroup):
    """A group of commands, some of which are loaded when they are asked for."""

    deferred: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    """Name, target and summary of each, in the order of the help: see :class:`Deferred`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, target, summary in self.deferred:
            self.commands[name] = Deferred(name, target, summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The named command, loaded; see ``TyperGroup``."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest

    def get_help_option(self, ctx: Any) -> Any:
        """``--help``; see ``TyperGroup``."""
        option = super().get_help_option(ctx)
        if option is not None:
            # typer converts any other value than a bool, None too, with pydantic, which takes long to import.
            option.default = False
        return option


def every_command(
    command: object, name: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], TyperCommand | TyperGroup]]:
    """A command and all below it, each loaded and with its full name, in the order of the help."""
    loaded = command.load() if isinstance(command, Deferred) else command
    assert isinstance(loaded, TyperCommand | TyperGroup)
    yield name, loaded
    if isinstance(loaded, TyperGroup):
        for own, below in loaded.commands.items():
            yield from every_command(below, (*name, own))
