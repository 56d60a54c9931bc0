"""Floor coverage: a way of a robot over a floor on which its brush touches all it can reach, and the measure of it."""
