"""What those who run a server watch it by: metrics, logs."""
