-- How parts of a large write are put into their places, which `how` says: `w` and a chunk, which the part is as a whole; `p`,
-- a chunk, and where its pieces begin and how long they are.
local function put_whole(place, part, spare)
  touch(place)
  -- The memory of the old chunk is for the next large write, if that comes soon. There may be no old one.
  if spare and not redis.pcall('RENAME', pre .. 'c' .. place, pre .. 'f' .. place).err then
    redis.call('PEXPIRE', pre .. 'f' .. place, 10000)
  end
  redis.call('RENAME', part, pre .. 'c' .. place)
end

-- How many bytes that moved, and what is to be done for each place.
local function put_pieces(places, part)
  local bytes, from = redis.call('GET', part), 1
  local key = pre .. 'c' .. text(places[1])
  touch(text(places[1]))
  for place = 2, #places, 2 do
    local len = places[place + 1]
    redis.call('SETRANGE', key, text(places[place]), string.sub(bytes, from, from + len - 1))
    from = from + len
  end
  redis.call('UNLINK', part)
  return #bytes + 256 * #places
end

local function numbers_in(how)
  local places = {}
  for place in string.gmatch(how, '%d+') do
    places[#places + 1] = tonumber(place)
  end
  return places
end
