"""Cleaning: an order to clean a floor, above VDA 5050: area, width, how much at least, consumables, and the proof.

A robot cleans while it has a lease of one ``robot`` of its site, of the house; what the shop does not need of its
robots can be sold like any capacity, and a robot that is leased firm to somebody is not sent.
"""

TENANT = "@cleaning"
"""Holds the leases that are taken for cleaning here. No tenant's own id has this sign."""
KIND = "robot"
"""What is leased."""
ONE = 1_000
"""A robot, in thousandths."""
