-- Goes on with the large write ARGV[1] until ARGV[2] bytes were moved or it is done.
if pending ~= ARGV[1] then
  return {'done'}
end
local staged = pre .. 's' .. pending
local plan = redis.call('HMGET', staged, 'parts', 'next', 'had', 'from', 'to', 'kind', 'how', 'wanted')
local parts, n, had = tonumber(plan[1]), tonumber(plan[2]), tonumber(plan[3])
local budget = tonumber(ARGV[2])
-- The first command that writes is one that a full store does not refuse: the write happened when it was committed.
redis.call('HDEL', staged, '')
while n < parts and budget > 0 do
  local part = staged .. ':' .. text(n)
  local how = redis.call('HGET', staged, text(n))
  local places = {}
  for place in string.gmatch(how, '%d+') do
    places[#places + 1] = tonumber(place)
  end
  local kind = string.sub(how, 1, 1)
  if kind == 'w' then
    touch(text(places[1]))
    redis.call('RENAME', part, pre .. 'c' .. text(places[1]))
    budget = budget - 16384
  elseif kind == 'p' then
    local bytes, from = redis.call('GET', part), 1
    touch(text(places[1]))
    for place = 2, #places, 2 do
      local len = places[place + 1]
      redis.call('SETRANGE', pre .. 'c' .. text(places[1]), text(places[place]), string.sub(bytes, from, from + len - 1))
      from = from + len
    end
    redis.call('UNLINK', part)
    budget = budget - #bytes - 256 * #places
  else
    local bytes = redis.call('GET', part)
    local merged = merge(plan[6], plan[7], places[1], bytes, had)
    if plan[8] == '1' then
      redis.call('SET', part, merged, 'PX', 600000)
    else
      redis.call('UNLINK', part)
    end
    budget = budget - 32 * #bytes
  end
  n = n + 1
end
if n < parts then
  redis.call('HSET', staged, 'next', text(n))
  return {'more'}
end
drop(tonumber(plan[4]), tonumber(plan[5]))
redis.call('HDEL', meta, 'p')
redis.call('UNLINK', staged)
return {'done'}
