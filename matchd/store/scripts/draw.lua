#!lua
-- Draw matches from a mode's queue: pop the players, write the loading session, tell everybody.
--
-- ARGV[3..5]  mode, order (fifo or random), the terms of the draw, see draw()
-- Reply: {matches, players still waiting, 1 if game servers were the limit, waits (ms) of those drawn...}
-- Keys: writes queue:{mode}, order:{mode}, player:{id}, loading:{sid}, loading, unplaced;
--       reads slots, dedicated_server:{id}

local refusal = guard()
if refusal then return refusal end
return commit(draw(ARGV[3], ARGV[4], ARGV[5], {}))
