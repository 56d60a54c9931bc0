"""The fleet: the robots of the stores, how each does, and the missions that they are sent on."""
