"""Microsoft Azure: subscriptions through Resource Graph and the Resource Manager's REST interface."""

from __future__ import annotations

from providers.azure.scopes import connect

__all__ = ["connect"]
