"""The command line: one file per group of commands. What is heavy is imported within the commands that need it."""
