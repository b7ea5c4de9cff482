-- ARGV[1]: the epoch; ARGV[2]: the nonce; ARGV[3]: the lease in microseconds.
local lock = pre .. 'l'
for _, mode in ipairs({'w', 'r'}) do
  local holder = mode .. ARGV[1] .. '.' .. ARGV[2]
  local ends = redis.call('HGET', lock, holder)
  if ends and tonumber(ends) > now then
    local lease = tonumber(ARGV[3])
    redis.call('HSET', lock, holder, text(now + lease))
    local keep = math.ceil(lease / 1000) + 3600000
    if redis.call('PTTL', lock) < keep then
      redis.call('PEXPIRE', lock, text(keep))
    end
    -- Those who wait look when it would have ended: only if that is too late they are told.
    if tonumber(ends) > now + lease then
      tell()
    end
    return {'ok'}
  end
end
return {'fenced'}
