#!lua flags=no-writes
-- Whether what the store holds contradicts itself, for a page of players, queue entries, sessions or servers; or of
-- keys, of which those with a fixed name are always checked; or of keys with moments.
--
-- ARGV[3]    what: players, queue, sessions, servers, keys or moments
-- ARGV[4]    players: the node whose set the ids come from; queue: the mode; else empty
-- ARGV[5..]  ids; names of keys; or keys and how far (ms) their moments may lie in the future
-- Reply: {players counted by place as {place, n}..., then contradictions as text}
-- Keys: reads everything that belongs to the ids

local problems, places = {}, {}
local function wrong(text) problems[#problems + 1] = text end

-- The session that has this player in it.
local function seat(p)
  local s = p.state == 'loading' and loading_session(p.session)
  return s and ask('HEXISTS', s.key, p.id) == 1 and s
end

local check = {}

function check.players(id, owner)
  if ask('SISMEMBER', 'players:' .. owner, id) == 0 then return end
  local p = player(id)
  local s = seat(p)
  local place = s and s.state or p.state
  places[place] = (places[place] or 0) + 1
  local queued = ask('SISMEMBER', 'queue:' .. p.mode, id) == 1
  if not is_under_way(p) then
    wrong('player ' .. id .. ' is counted under way and is "' .. p.state .. '"')
  elseif p.node ~= owner then
    wrong('player ' .. id .. ' belongs to node "' .. p.node .. '" and is counted at "' .. owner .. '"')
  elseif queued ~= (p.state == 'queued' and p.away == '') then
    wrong('player ' .. id .. ' is ' .. p.state .. (p.away ~= '' and ', away' or '') .. ', and ' ..
      (queued and 'in' or 'not in') .. ' the queue ' .. p.mode)
  elseif p.state ~= 'queued' and not s then
    wrong('player ' .. id .. ' is ' .. p.state .. ' in session ' .. p.session .. ', which does not have him so')
  elseif p.away ~= '' and not ask('ZSCORE', 'away', id) then
    wrong('player ' .. id .. ' is away for ever')
  end
end

function check.queue(id, mode)
  if ask('SISMEMBER', 'queue:' .. mode, id) == 0 then return end
  local p = player(id)
  if p.state ~= 'queued' or p.mode ~= mode then
    wrong('the queue ' .. mode .. ' holds ' .. id .. ', who is "' .. p.state .. '"')
  elseif ask('SISMEMBER', 'players:' .. p.node, id) == 0 then
    wrong('player ' .. id .. ' is queued and counted nowhere')
  elseif tonumber(ask('ZSCORE', 'order:' .. mode, id) or '') ~= tonumber(p.since) then
    wrong('player ' .. id .. ' has lost his place in line')
  end
end

function check.sessions(id)
  local s = loading_session(id)
  if not s then return end
  local seen, roster = {}, words(s.roster)
  read_players(roster)
  for _, member in ipairs(roster) do
    if seen[member] then wrong('session ' .. id .. ' has ' .. member .. ' twice') end
    seen[member] = true
    local p = player(member)
    if p.session ~= id or p.state ~= 'loading' then
      wrong('session ' .. id .. ' is ' .. s.state .. ' and has ' .. member .. ', who is "' .. p.state .. '"')
    end
  end
  if #roster ~= s.size then wrong('session ' .. id .. ' has ' .. #roster .. ' players of ' .. s.size) end
  if not ask('ZSCORE', s.state, id) then wrong('session ' .. id .. ' is ' .. s.state .. ' without a deadline') end
  if s.server == '' and ask('SISMEMBER', 'unplaced', id) == 0 then
    wrong('session ' .. id .. ' has no game server and does not count as looking for one')
  end
  if s.server ~= '' and server(s.server) and not ask('ZSCORE', 'reserved:' .. s.server, id) then
    wrong('session ' .. id .. ' has no slot on ' .. s.server)
  end
end

function check.servers(id)
  local s = server(id)
  if not s then return end
  local reserved = ask('ZRANGE', 'reserved:' .. id, 0, -1)
  if not s.fixed and s.running <= s.capacity and #reserved > s.capacity then
    wrong('server ' .. id .. ' has ' .. #reserved .. ' slots reserved of ' .. s.capacity)
  end
  for _, sid in ipairs(reserved) do
    local session = loading_session(sid)
    if not session or session.server ~= id then wrong('server ' .. id .. ' keeps a slot for ' .. sid .. ', which is over') end
  end
end

function check.keys(name)
  local kind = kind_of_foreign(name)
  if kind then wrong('the key ' .. P .. name .. ' is a ' .. kind .. ' and not of matchd') end
end

-- The clock may have been set when it was written: nothing that waits for that moment would happen.
local function check_moments(key, most)
  local last = redis.pcall('ZREVRANGE', P .. key, 0, 0, 'WITHSCORES')
  local moment = tonumber(last[2] or redis.pcall('GET', P .. key))
  if moment and moment - told > most then
    local what = last[2] and 'the moment of ' .. last[1] .. ' in ' or 'the moment in '
    wrong(what .. key .. ' lies ' .. math.floor((moment - told) / 1000) .. ' s in the future')
  end
end

if ARGV[3] == 'moments' then
  for i = 5, #ARGV, 2 do check_moments(ARGV[i], tonumber(ARGV[i + 1])) end
  return {{}, unpack(problems)}
end
if ARGV[3] == 'keys' then
  for _, name in ipairs(FIXED) do check.keys(name) end
end
for i = 5, #ARGV do
  local fine, trouble = pcall(check[ARGV[3]], ARGV[i], ARGV[4])
  if not fine then wrong((string.gsub(trouble.err or trouble, '^WRONGTYPE ', ''))) end
end
local reply = {{}}
for place, n in pairs(places) do table.insert(reply[1], {place, n}) end
for _, problem in ipairs(problems) do reply[#reply + 1] = problem end
return reply
