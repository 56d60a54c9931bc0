"""Robots: which a store has, what they are sent to do, and the proof that they did it."""
