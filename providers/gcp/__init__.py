"""Google Cloud: projects, read through Cloud Asset Inventory and the Organization Policy API."""
