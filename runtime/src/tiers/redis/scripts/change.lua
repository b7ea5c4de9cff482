-- What scripts begin with that change something: ARGV is client, place, number of the change with a + if it is sent again,
-- the version it is to be made over or '', the token's epoch or '', and its nonce; then what each script says.
local change_number, again = string.match(ARGV[3], '^(%d+)(%+?)$')

local function recall()
  local last = redis.call('HGET', pre .. 'o', ARGV[1] .. '.' .. ARGV[2])
  if not last then
    return nil
  end
  local space = string.find(last, ' ', 1, true)
  local number = string.sub(last, 1, space - 1)
  if number == change_number then
    -- Something is written, so that the connection has a write whose durability it can wait for.
    redis.call('PEXPIRE', pre .. 'o', 3600000)
    return cmsgpack.unpack(string.sub(last, space + 1))
  elseif tonumber(number) > tonumber(change_number) then
    return {'stale'}
  end
  return nil
end

-- After the change itself: it is made, however full the store is now.
local function remember(answer)
  redis.call('HSET', pre .. 'o', ARGV[1] .. '.' .. ARGV[2], change_number .. ' ' .. cmsgpack.pack(answer))
  redis.call('PEXPIRE', pre .. 'o', 3600000)
  return answer
end

-- For an answer that changed nothing: should the change have been sent twice, the other must not make it later.
local function decline(answer)
  if again == '+' then
    redis.pcall('HDEL', pre .. 'o', '')
    remember(answer)
  end
  return answer
end

-- Why the change may not be made, if it may not.
local function refusal()
  if ARGV[5] ~= '' then
    local ends = redis.call('HGET', pre .. 'l', 'w' .. ARGV[5] .. '.' .. ARGV[6])
    if not ends or tonumber(ends) <= now then
      return decline({'fenced'})
    end
  end
  if ARGV[4] ~= '' and ARGV[4] ~= found then
    return decline({'conflict', found})
  end
  return nil
end
