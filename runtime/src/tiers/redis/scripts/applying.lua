-- Goes on with the large write that was committed, until so many bytes were moved or it is done.
local function go_on(write, budget)
  local staged = pre .. 's' .. write
  local plan = redis.call('HMGET', staged, 'parts', 'next', 'had', 'from', 'to', 'kind', 'how', 'wanted', 'spare')
  local parts, n, had = tonumber(plan[1]), tonumber(plan[2]), tonumber(plan[3])
  -- The first command that writes is one that a full store does not refuse: the write happened when it was committed.
  redis.call('HDEL', staged, '')
  while n < parts and budget > 0 do
    local part = staged .. ':' .. text(n)
    local how = redis.call('HGET', staged, text(n))
    local kind = string.sub(how, 1, 1)
    if kind == 'w' then
      put_whole(string.sub(how, 3), part, plan[9] == '1')
      budget = budget - 16384
    elseif kind == 'p' then
      budget = budget - put_pieces(numbers_in(how), part)
    else
      local bytes = redis.call('GET', part)
      local merged = merge(plan[6], plan[7], numbers_in(how)[1], bytes, had)
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
    return 'more'
  end
  drop(tonumber(plan[4]), tonumber(plan[5]))
  redis.call('HDEL', meta, 'p')
  redis.call('UNLINK', staged)
  return 'done'
end
