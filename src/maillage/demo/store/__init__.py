"""A store of the demo that looks after itself: a freezer that fails, and a robot that cleans, over real MQTT."""
