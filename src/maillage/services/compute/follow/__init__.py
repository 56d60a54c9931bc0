"""Sessions that follow a device: where they should be, and how they get there without a break."""
