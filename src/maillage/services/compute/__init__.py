"""Edge compute: tenants' code runs in the stores, on leases."""
