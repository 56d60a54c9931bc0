"""Roof leases: from an inquiry to the day when the roof is as it was."""
