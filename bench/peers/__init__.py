"""What one would use or write instead of matchd: each a server by itself, measured beside it."""
