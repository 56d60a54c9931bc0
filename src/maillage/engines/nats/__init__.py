"""The bus over NATS: the client, who may say what, and the configuration of the servers."""
