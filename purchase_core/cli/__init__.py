"""The command line `purchase`. Only this package imports click, and only when a command runs."""
