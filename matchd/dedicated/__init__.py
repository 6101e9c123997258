"""The reference game server: what a game's own server has to do for matchd, and nothing of a game."""
