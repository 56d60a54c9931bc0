"""Siting problems from files: p-median graphs, points with demand, tables of distances, sites and people."""
