-- ARGV[1]: how many bytes to give at most, together; then where each range begins and ends. Version, size, chunk size,
-- and the ranges as far as the value has them, or only that they are too many bytes.
if not size then
  return {'none'}
elseif pending then
  return {'pending', pending}
end
local total = 0
for n = 2, #ARGV, 2 do
  total = total + math.max(0, math.min(tonumber(ARGV[n + 1]), size) - tonumber(ARGV[n]))
end
local answer = {total > tonumber(ARGV[1]) and 'large' or 'ok', version, text(size), text(chunk)}
if answer[1] == 'ok' then
  for n = 2, #ARGV, 2 do
    local from = tonumber(ARGV[n])
    local len = math.min(tonumber(ARGV[n + 1]), size) - from
    if len > 0 then
      answer[#answer + 1] = fetch(from, len)
    end
  end
end
return answer
