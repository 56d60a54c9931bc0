"""Readings as they are asked for: rounded when they come in, bounded when they go out, kept as long as needed."""
