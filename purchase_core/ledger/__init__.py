"""What is decided about credits and quotas: on the live document of one lane, and on nothing else. Pure."""
