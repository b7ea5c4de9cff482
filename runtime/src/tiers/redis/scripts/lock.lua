-- ARGV[1]: w or r; ARGV[2]: the nonce; ARGV[3]: the lease, and ARGV[4] how long the waiter is taken to be alive, both in
-- microseconds; it does not wait if that is 0. The epoch, or how long until it may be worth asking again though nothing was told.
local mode, nonce, lease, alive = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local lock, queue, waiters = pre .. 'l', pre .. 'q', pre .. 'x'
local all = redis.call('HGETALL', lock)
local last, writers, readers, next_look = 0, 0, 0, now + alive
for n = 1, #all, 2 do
  local kind, ends = string.sub(all[n], 1, 1), tonumber(all[n + 1])
  if kind == 'e' then
    last = ends
  elseif ends <= now then
    redis.call('HDEL', lock, all[n])
  else
    local dot = string.find(all[n], '.', 1, true)
    if string.sub(all[n], dot + 1) == nonce then
      -- Something is written, so that the connection has a write whose durability it can wait for.
      redis.call('HSET', lock, all[n], all[n + 1])
      return {'ok', string.sub(all[n], 2, dot - 1)}
    elseif kind == 'w' then
      writers = writers + 1
    else
      readers = readers + 1
    end
    next_look = math.min(next_look, ends)
  end
end
local free = writers == 0 and (mode == 'r' or readers == 0)
local waits = false
for _, waiter in ipairs(redis.call('LRANGE', queue, 0, -1)) do
  local other = string.sub(waiter, 2)
  if other == nonce then
    waits = true
    break
  end
  local ends = tonumber(redis.call('HGET', waiters, other) or 0)
  if ends <= now then
    redis.call('LREM', queue, 1, waiter)
    redis.call('HDEL', waiters, other)
  else
    next_look = math.min(next_look, ends)
    free = free and mode == 'r' and string.sub(waiter, 1, 1) == 'r'
  end
end
if not free and alive == 0 then
  return {'wait', '0'}
elseif not free then
  -- Somebody before us has not asked yet, and is not known to hold it for how long.
  if writers + readers == 0 then
    next_look = math.min(next_look, now + 50000)
  end
  if not waits then
    redis.call('RPUSH', queue, mode .. nonce)
  end
  redis.call('HSET', waiters, nonce, text(now + alive))
  redis.call('PEXPIRE', queue, 600000)
  redis.call('PEXPIRE', waiters, 600000)
  redis.call('SET', pre .. 'i', '1', 'PX', 60000)
  return {'wait', text(next_look - now)}
end
if waits then
  redis.call('LREM', queue, 1, mode .. nonce)
  redis.call('HDEL', waiters, nonce)
end
local epoch = text(math.max(now, last + 1))
redis.call('HSET', lock, 'e', epoch, mode .. epoch .. '.' .. nonce, text(now + lease))
local keep = math.ceil(lease / 1000) + 3600000
if redis.call('PTTL', lock) < keep then
  redis.call('PEXPIRE', lock, text(keep))
end
return {'ok', epoch}
