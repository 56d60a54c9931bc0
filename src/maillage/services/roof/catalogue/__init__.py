"""The catalogue: which roofs a chain has, with their mounts, and whom they would cover."""
