-- ARGV[7]: the chunk size of a new value; ARGV[8]: what numbers; ARGV[9]: how; ARGV[10]: where; ARGV[11]: the numbers;
-- ARGV[12]: '1' if their sums are wanted.
local answer = recall() or refusal()
if answer then
  return answer
elseif pending then
  return {'pending', pending}
end
local kind, how, offset, new = ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11]
local had = size or 0
if cut(kind, offset, #new, had) then
  return decline({'misplaced', text(had)})
end
chunk = chunk or tonumber(ARGV[7])
local merged = merge(kind, how, offset, new, had)
local before, after = bump(math.max(had, offset + #new))
answer = {'ok', before, after}
if ARGV[12] == '1' then
  answer[4] = merged
end
remember(answer)
tell()
return answer
