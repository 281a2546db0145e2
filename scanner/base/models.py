"""The base of what is exchanged and stored: frozen, and strict about what it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A model that never changes once made and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
