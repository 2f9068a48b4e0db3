"""One command, or one group of commands, a file; each is imported when it is called."""
