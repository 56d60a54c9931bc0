"""Positions of the devices that sessions follow, by MQTT: each session has a topic and a client of its own."""
