"""What matchd's scripts take of Redis's time by themselves, beside the least that the same flow can take."""
