"""What is stored besides facts and rows: lanes, references, deliveries, commands, effects."""
