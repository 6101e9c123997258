"""Who plays: conversations with players, and what they are told."""
