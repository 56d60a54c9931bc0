"""Radio: path loss by 3GPP TR 38.901, rain, antennas and link budgets. It knows nothing of stores and leases."""
