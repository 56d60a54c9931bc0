"""One file per subject; each lists its HANDLERS. They turn requests into calls of the office and nothing else."""
