-- ARGV[7]: set or ranges; ARGV[8]: the size, or the least one; ARGV[9]: the chunk size of a new value; then of each run
-- where it begins, and its bytes.
local answer = recall() or refusal()
if answer then
  return answer
elseif pending then
  return {'pending', pending}
end
local whole = ARGV[7] == 'set'
local wanted = tonumber(ARGV[8])
local new = whole and wanted or math.max(size or 0, wanted)
local chunks = size and count_chunks(size, chunk) or 0
chunk = chunk or tonumber(ARGV[9])
if whole then
  local bytes = ARGV[11] or ''
  for n = 0, count_chunks(new, chunk) - 1 do
    touch(text(n))
    redis.call('SET', pre .. 'c' .. text(n), string.sub(bytes, n * chunk + 1, (n + 1) * chunk))
  end
else
  for n = 10, #ARGV, 2 do
    put(tonumber(ARGV[n]), ARGV[n + 1])
  end
end
local before, after = bump(new)
drop(count_chunks(new, chunk), chunks)
remember({'ok', before, after})
tell()
return {'ok', before, after}
