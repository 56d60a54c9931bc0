"""What devices send, read: a plain number, JSON by path, Sparkplug B. What can't be read is told as a fault."""
