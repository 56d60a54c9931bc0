"""VDA 5050, version 2.1 (and 2.0): how a master control and automated guided vehicles talk over MQTT."""
