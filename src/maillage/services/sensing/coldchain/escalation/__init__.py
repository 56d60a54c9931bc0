"""Who is told of an alarm, when and how, until somebody acknowledges it."""
