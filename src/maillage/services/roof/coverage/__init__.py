"""Coverage: whom and what the antennas of roofs reach, outdoors and indoors, and how well."""
