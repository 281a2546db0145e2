"""Google Cloud: projects read through Cloud Asset Inventory and the Organization Policy API."""

from providers.gcp.account import IDENTIFY
from providers.gcp.scopes import COLLECTORS, connect

__all__ = ["COLLECTORS", "IDENTIFY", "connect"]
