"""Everything true about a player, kept in Redis or Valkey: the connections to it, the embedded one, the scripts."""
