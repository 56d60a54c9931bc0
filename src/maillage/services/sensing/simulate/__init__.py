"""Simulated freezers and chillers, with labelled faults: no open data set offers that."""
