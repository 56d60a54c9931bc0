"""From readings to alarms: rules, the context of doors and defrosts, and the life of an alarm."""
