"""The host: it runs a site's instances for as long as their leases last, and brings them back after a restart."""
