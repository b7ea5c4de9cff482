-- The first elements of the list: at most `most`, and `bytes` together.
local function fitting(most, bytes)
  local elements, step = {}, 16
  while #elements < most do
    local last = math.min(#elements + step, most) - 1
    local some = redis.call('LRANGE', pre .. 'a', #elements, text(last))
    if #some == 0 then
      return elements
    end
    for _, element in ipairs(some) do
      bytes = bytes - #element
      if bytes < 0 then
        return elements
      end
      elements[#elements + 1] = element
    end
    step = math.min(step * 2, 512)
  end
  return elements
end
