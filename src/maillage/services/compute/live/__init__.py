"""Follow-me sessions as a service: of tenants' apps, at the stores' own hosts."""
