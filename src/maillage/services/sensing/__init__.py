"""Sensing: what the devices of a store measure, what is alarming about it, and the record that it was kept safe."""
