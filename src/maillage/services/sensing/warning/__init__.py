"""Early warning: what a unit's temperature tells before a limit is passed. Advice, never an alarm."""
