-- The chunks of the value. Nothing changes one but by `touch`: who reads under a pin has it as it was.
local pins = nil

local function live_pins()
  local live = {}
  if redis.call('EXISTS', pre .. 'p') == 1 then
    local all = redis.call('HGETALL', pre .. 'p')
    for n = 1, #all, 2 do
      if tonumber(all[n + 1]) > now then
        live[#live + 1] = all[n]
      end
    end
  end
  return live
end

local function touch(n)
  pins = pins or live_pins()
  for _, pin in ipairs(pins) do
    local kept = pre .. 'k' .. pin .. ':' .. n
    if redis.call('EXISTS', kept) == 0 then
      if redis.call('COPY', pre .. 'c' .. n, kept) == 0 then
        redis.call('SET', kept, '')
      end
      redis.call('PEXPIRE', kept, 120000)
    end
  end
end

local function count_chunks(bytes, each)
  return math.ceil(bytes / each)
end

-- Bytes of the value, which has as many.
local function fetch(from, len)
  local parts = {}
  while len > 0 do
    local n = math.floor(from / chunk)
    local off = from - n * chunk
    local some = math.min(len, chunk - off)
    local part = redis.call('GETRANGE', pre .. 'c' .. text(n), text(off), text(off + some - 1))
    parts[#parts + 1] = part
    if #part < some then
      parts[#parts + 1] = string.rep('\0', some - #part)
    end
    from, len = from + some, len - some
  end
  return table.concat(parts)
end

local function put(from, bytes)
  local done = 0
  while done < #bytes do
    local n = math.floor(from / chunk)
    local off = from - n * chunk
    local some = math.min(#bytes - done, chunk - off)
    local part = some == #bytes and bytes or string.sub(bytes, done + 1, done + some)
    touch(text(n))
    if some == chunk then
      redis.call('SET', pre .. 'c' .. text(n), part)
    else
      redis.call('SETRANGE', pre .. 'c' .. text(n), text(off), part)
    end
    from, done = from + some, done + some
  end
end

-- Removes the chunks from `first` to before `last`.
local function drop(first, last)
  for n = first, last - 1 do
    touch(text(n))
    redis.call('UNLINK', pre .. 'c' .. text(n))
  end
end

-- A new version, of this size; the answer's versions.
local function bump(bytes)
  local after = text(math.max(now, tonumber(version or 0) + 1))
  redis.call('HSET', meta, 'v', after, 's', text(bytes), 'c', text(chunk))
  if not size then
    redis.call('PERSIST', meta)
  end
  return found, after
end
