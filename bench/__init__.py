"""Load, soak and comparison: programs that measure matchd from outside. Not installed with it."""
