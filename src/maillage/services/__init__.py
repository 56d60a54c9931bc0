"""What a chain does with capacity. Services do not import each other: they meet through leases and events."""
