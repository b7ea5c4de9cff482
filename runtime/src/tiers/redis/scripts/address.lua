-- What scripts on one address begin with. KEYS[1] is its meta key; all its keys have one hash tag. In a cluster KEYS[2] is
-- one that is never there, so that no script runs while they move to another node (`script.rs`).
--   m  hash: v version, s size (not there: no value), c chunk size, p a large write that is being applied
--   c<n>  chunk n of the value; what is behind its end is zero
--   a  list: what was appended
--   l  hash: e last epoch, w<epoch>.<nonce> or r<epoch>.<nonce> when this holder's lease ends
--   q  list: w<nonce> or r<nonce>, who waits for the lock; x hash: until when it is taken to be alive
--   o  hash: <client>.<place> the last change that this client made from this place, and its answer
--   i  somebody waits for a change: it is told on the channel of this name
--   p  hash: <pin> until when this pin holds; k<pin>:<n> chunk n as it was when the pin was set
--   f<n>  a chunk that was replaced: for some seconds its memory is for the next large write
--   s<write>  hash: what a large write consists of; s<write>:<n> its parts
local meta = KEYS[1]
local pre = string.sub(meta, 1, -2)
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local held = redis.call('HMGET', meta, 'v', 's', 'c', 'p')
local version, size, chunk, pending = held[1], tonumber(held[2] or nil), tonumber(held[3] or nil), held[4]
local found = size and version or '0'

local function text(number)
  return string.format('%.0f', number)
end

local function tell()
  if redis.call('EXISTS', pre .. 'i') == 1 then
    redis.call('PUBLISH', pre .. 'i', '')
  end
end
