"""What matchd is told: options and the TOML file."""
