"""What speaks MQTT in a store, whatever it is for: our line to the broker, and who may connect with which topics."""
