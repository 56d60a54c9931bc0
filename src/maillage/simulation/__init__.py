"""The mesh on simulated time: hub, nodes, bus and disks that fail on purpose, and the invariants that must hold."""
