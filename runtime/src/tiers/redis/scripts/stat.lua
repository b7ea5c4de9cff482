-- Version and size or '', and how long the list is. ARGV[1] '1': whoever calls waits for a change.
if ARGV[1] == '1' then
  -- A store that is full refuses it: then the waiter looks from time to time.
  redis.pcall('SET', pre .. 'i', '1', 'PX', 60000)
end
return {'ok', found, size and text(size) or '', text(redis.call('LLEN', pre .. 'a'))}
