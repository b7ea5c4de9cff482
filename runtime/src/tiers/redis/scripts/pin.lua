-- ARGV[1]: the pin. From now on its reader has the value as it is now: version, size, chunk size.
if not size then
  return {'none'}
elseif pending then
  return {'pending', pending}
end
local all = redis.call('HGETALL', pre .. 'p')
local live = 0
for n = 1, #all, 2 do
  if tonumber(all[n + 1]) <= now then
    redis.call('HDEL', pre .. 'p', all[n])
  else
    live = live + 1
  end
end
if live >= 16 then
  return {'busy'}
end
redis.call('HSET', pre .. 'p', ARGV[1], text(now + 60000000))
redis.call('PEXPIRE', pre .. 'p', 120000)
return {'large', version, text(size), text(chunk)}
