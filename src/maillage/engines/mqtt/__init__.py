"""MQTT: our line to a store's broker, the broker that this process runs itself, and files for Mosquitto.

Imported only where MQTT is spoken: the libraries below are heavy.
"""
