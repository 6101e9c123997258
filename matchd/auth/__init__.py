"""Who players are, by the tokens that they show."""
