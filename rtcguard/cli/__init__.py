"""The command line: one file a command, each with a click command of the name `command`."""
