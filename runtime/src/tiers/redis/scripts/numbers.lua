-- Numbers in little-endian order: i 64-bit integers, f and d floating-point numbers of 32 and 64 bits; s sum, x max,
-- n min. Lua's numbers are doubles: integers are added in halves, and what is picked is copied as it is.
local WIDTH = {i = 8, f = 4, d = 8}
local BATCH = 16

-- A sum of two floats as doubles, rounded to a float, is the sum as floats rounded once.
local function add_floats(kind, a, b, count)
  local form = '<' .. string.rep(kind, count)
  local there, new = {struct.unpack(form, a)}, {struct.unpack(form, b)}
  for n = 1, count do
    there[n] = there[n] + new[n]
  end
  return struct.pack(form, unpack(there, 1, count))
end

local function add_integers(a, b, count)
  local form = '<' .. string.rep('I4', 2 * count)
  local there, new = {struct.unpack(form, a)}, {struct.unpack(form, b)}
  for n = 1, 2 * count, 2 do
    local low, high = there[n] + new[n], there[n + 1] + new[n + 1]
    if low >= 4294967296 then
      low, high = low - 4294967296, high + 1
    end
    there[n], there[n + 1] = low, high % 4294967296
  end
  return struct.pack(form, unpack(there, 1, 2 * count))
end

local function less(kind, a, b, n)
  if kind == 'i' then
    local high_a, high_b = a[2 * n], b[2 * n]
    if high_a == high_b then
      return a[2 * n - 1] < b[2 * n - 1]
    end
    return high_a < high_b
  end
  return a[n] < b[n]
end

-- What is no number gives way to the new one.
local function pick(kind, how, a, b, count)
  local form = '<' .. string.rep(kind == 'i' and 'I4i4' or kind, count)
  local there, new = {struct.unpack(form, a)}, {struct.unpack(form, b)}
  local width, parts = WIDTH[kind], {}
  for n = 1, count do
    local other
    if how == 'x' then
      other = less(kind, there, new, n)
    else
      other = less(kind, new, there, n)
    end
    if kind ~= 'i' and there[n] ~= there[n] then
      other = true
    end
    parts[n] = string.sub(other and b or a, (n - 1) * width + 1, n * width)
  end
  return table.concat(parts)
end

-- `there` and `new` are as long as each other.
local function combine(kind, how, there, new)
  local width, parts = WIDTH[kind], {}
  for from = 1, #there, BATCH * width do
    local a = string.sub(there, from, from + BATCH * width - 1)
    local b = string.sub(new, from, from + BATCH * width - 1)
    local count = #a / width
    local both
    if how ~= 's' then
      both = pick(kind, how, a, b, count)
    elseif kind == 'i' then
      both = add_integers(a, b, count)
    else
      both = add_floats(kind, a, b, count)
    end
    parts[#parts + 1] = both
  end
  return table.concat(parts)
end

-- Merges `new` into a value that had `had` bytes, from `offset` on; what is there then.
local function merge(kind, how, offset, new, had)
  local both = math.max(0, math.min(had - offset, #new))
  local merged = new
  if both > 0 then
    merged = combine(kind, how, fetch(offset, both), string.sub(new, 1, both)) .. string.sub(new, both + 1)
  end
  put(offset, merged)
  return merged
end

-- Whether the value would end in the midst of a number.
local function cut(kind, offset, len, had)
  return offset <= had and had < offset + len and (had - offset) % WIDTH[kind] ~= 0
end
