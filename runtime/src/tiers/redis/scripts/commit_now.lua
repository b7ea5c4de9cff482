-- A write of a few parts, which are here already, is what the value is when this script ends. ARGV[7]: set or ranges;
-- ARGV[8]: the size, or the least one; ARGV[9]: the chunk size of a new value; ARGV[10]: the write; then what each part
-- becomes.
local answer = recall() or refusal()
if answer then
  return answer
elseif pending then
  return {'pending', pending}
end
if chunk and chunk ~= tonumber(ARGV[9]) then
  return {'chunk', text(chunk)}
end
local staged = pre .. 's' .. ARGV[10] .. ':'
for n = 11, #ARGV do
  if redis.call('PERSIST', staged .. (n - 11)) == 0 then
    return {'lost'}
  end
end
local chunks = size and count_chunks(size, chunk) or 0
local new = tonumber(ARGV[8])
chunk = tonumber(ARGV[9])
if ARGV[7] ~= 'set' then
  new = math.max(size or 0, new)
end
for n = 11, #ARGV do
  local how, part = ARGV[n], staged .. (n - 11)
  if string.sub(how, 1, 1) == 'w' then
    put_whole(string.sub(how, 3), part, false)
  else
    put_pieces(numbers_in(how), part)
  end
end
local before, after = bump(new)
drop(count_chunks(new, chunk), chunks)
answer = {'ok', before, after, 'done'}
remember(answer)
tell()
return answer
