"""The way of a reading: from the broker to whoever watches, and then to the store."""
