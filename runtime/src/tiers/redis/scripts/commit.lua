-- A large write, whose parts are here already, begins to be what the value is. ARGV[7]: set, ranges or merge; ARGV[8]: the
-- size, or the least one; ARGV[9]: the chunk size of a new value; ARGV[10]: the write; ARGV[11]: how many parts it has;
-- of a merge ARGV[12]: what numbers; ARGV[13]: how; ARGV[14]: where; ARGV[15]: '1' if the sums are
-- wanted; ARGV[16]: '1' if the memory of chunks that are replaced may stay for the next write; ARGV[17]: how many bytes of
-- it are moved into place at once. The answer says whether it is done then.
local answer = recall() or refusal()
if answer then
  return answer
elseif pending then
  return {'pending', pending}
end
local kind, wanted, write, parts = ARGV[7], tonumber(ARGV[8]), ARGV[10], tonumber(ARGV[11])
local had = size or 0
local new = kind == 'set' and wanted or math.max(had, wanted)
if kind == 'merge' and cut(ARGV[12], tonumber(ARGV[14]), wanted - tonumber(ARGV[14]), had) then
  return decline({'misplaced', text(had)})
end
if chunk and chunk ~= tonumber(ARGV[9]) then
  return {'chunk', text(chunk)}
end
local staged = pre .. 's' .. write
for n = 0, parts - 1 do
  if redis.call('PERSIST', staged .. ':' .. text(n)) == 0 then
    return {'lost'}
  end
end
if redis.call('PERSIST', staged) == 0 then
  return {'lost'}
end
local chunks = size and count_chunks(size, chunk) or 0
chunk = tonumber(ARGV[9])
local before, after = bump(new)
local drop_from = kind == 'set' and count_chunks(new, chunk) or chunks
redis.call('HSET', staged, 'parts', text(parts), 'next', '0', 'had', text(had), 'from', text(drop_from), 'to', text(chunks),
  'kind', ARGV[12] or '', 'how', ARGV[13] or '', 'wanted', ARGV[15] or '', 'spare', ARGV[16] or '')
redis.call('HSET', meta, 'p', write)
remember({'ok', before, after, 'more'})
tell()
return {'ok', before, after, go_on(write, tonumber(ARGV[17]))}
