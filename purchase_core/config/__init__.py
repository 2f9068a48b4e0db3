"""Configuration: one TOML table, read strictly; secrets by reference only."""
