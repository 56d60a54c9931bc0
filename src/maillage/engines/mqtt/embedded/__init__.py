"""The broker that this process runs itself: MQTT 3.1.1 for a store's own devices, clean sessions only.

Packets are read and built by amqtt; connections, and what goes where, are handled here, since the broker of amqtt
0.12.1 can't be let near a store's alarms. Seen with it, with clean sessions only: whoever connects with another's
client id and a wrong password ends the other's subscriptions; a new client is given retained messages that it did not
ask for and may not have; what a client sent just before its DISCONNECT is lost; a will is published on any topic; a
client that went silent stays connected.
"""
