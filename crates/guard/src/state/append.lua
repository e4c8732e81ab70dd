-- Appends to a subject's journal. KEYS[1] is a hash: 'e' epoch, 'b' place of the checkpoint,
-- 't' its tag, 'c' the checkpoint, 'n' the last entry's place, and each entry at its place. Those
-- after 'a' are there too, though the checkpoint has them: for guards of another past.
-- ARGV: known epoch ('' for none), known place, its tag, whether all is wanted, milliseconds to
-- keep it (0 for as long as it is kept already), an epoch for a new journal, the entries (eight
-- bytes of tag first).
local key = KEYS[1]
local head = redis.call('HMGET', key, 'e', 'b', 'n', 't', ARGV[2])
local epoch, base, last = head[1], tonumber(head[2]), tonumber(head[3])
local known = tonumber(ARGV[2])
local function entries(from)
  local all = {}
  for first = from + 1, last, 1000 do
    local places = {}
    for place = first, math.min(first + 999, last) do places[#places + 1] = place end
    for _, entry in ipairs(redis.call('HMGET', key, unpack(places))) do
      all[#all + 1] = entry or ''
    end
  end
  return all
end
if not epoch then
  if ARGV[1] ~= '' then return {'gone', '', 0, 0, '', {}} end
  epoch, base, last = ARGV[6], 0, 0
  redis.call('HSET', key, 'e', epoch, 'b', 0, 't', '')
elseif ARGV[1] ~= '' then
  local same = ARGV[1] == epoch and known <= last
  if same and known >= base then
    local tag = head[4]
    if known > base then tag = string.sub(head[5] or '', 1, 8) end
    same = tag == ARGV[3]
  end
  if not same then
    local alone = tonumber(redis.call('HGET', key, 'a')) or base
    return {'other', epoch, base, last, redis.call('HGET', key, 'c') or '', entries(alone)}
  end
end
local checkpoint, from = '', known
if ARGV[1] == '' or ARGV[4] == '1' or known < base then
  checkpoint, from = redis.call('HGET', key, 'c') or '', base
end
local missing = entries(from)
local set = {'n', last + #ARGV - 6}
for index = 7, #ARGV do
  set[#set + 1] = last + index - 6
  set[#set + 1] = ARGV[index]
end
redis.call('HSET', key, unpack(set))
local keep = tonumber(ARGV[5])
if keep > 0 and redis.call('PTTL', key) < keep then redis.call('PEXPIRE', key, keep) end
return {'done', epoch, base, last, checkpoint, missing}
