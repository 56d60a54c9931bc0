"""Sparkplug B (Eclipse Sparkplug specification, version 3.0.0), as a host application reads it."""
