"""The mesh: how the stores' nodes and the hub form one chain.

A node owns the ledgers of its sites and is the only one that grants there. The hub keeps a mirror of what the nodes
committed, finds in it, and asks the owners. They share no process and no database, only the bus.
"""
