"""House first, live: what a store's own work uses is measured, and what it will need is leased before it is sold."""

TENANT = "@house"
"""Holds the leases that are taken for the house here. No tenant's own id has this sign."""
KIND = "cpu"
"""What is measured and leased."""
