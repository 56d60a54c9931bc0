"""The kernel: capacity of any kind, at a site, over time; found, leased as one, never oversold, metered and billed.

It knows nobody above it and no engine below it: time, durability and carriage come in through ``ports``.
"""
