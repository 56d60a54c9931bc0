"""The mesh on simulated time: hubs, nodes, bus and disks that fail on purpose, and the invariants that must hold."""
