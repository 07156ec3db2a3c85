/**
 * Lua for Redis 6 and later, which runs each script as one step. Times are those of Redis's own clock, in milliseconds, so that
 * replicas whose clocks differ count alike. All keys of a script have one hash tag.
 */

/**
 * A try at an account. Keys: failures from one address and the tries under way there, the same of all addresses. A try that
 * nobody ends (its process died) ends with its lease. Answers how long to wait (0: not at all), and the number of counters that
 * it holds: 0 where others must end before, 1 where the address is trusted, else 2.
 */
export const claimScript = `
local id, lease, window, first, share = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function look(at, limit)
  local known = redis.call('HMGET', KEYS[at], 'failures', 'at', 'trusted')
  local failures, last, trusted = tonumber(known[1] or 0), tonumber(known[2] or 0), known[3] == '1'
  if now - last >= window then failures = 0 end
  if failures >= limit then
    local wait = last + math.min(window, first * 2 ^ math.min(30, failures - limit)) - now
    if wait > 0 then return wait, 0, trusted end
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[at + 1], '-inf', now)
  local room = math.max(1, limit - failures) * (trusted and share or 1)
  return 0, room - redis.call('ZCARD', KEYS[at + 1]), trusted
end
local wait, room, trusted = look(1, tonumber(ARGV[6]))
if wait == 0 and room > 0 and not trusted then wait, room = look(3, tonumber(ARGV[7])) end
if wait > 0 or room < 1 then return {math.ceil(wait), 0} end
for at = 2, trusted and 2 or 4, 2 do
  redis.call('ZADD', KEYS[at], now + lease, id)
  redis.call('PEXPIRE', KEYS[at], lease)
end
return {0, trusted and 1 or 2}
`

/**
 * The end of a try, with the same keys: `failed`, `forgiven` or `released`. Told again, it is taken only where the try is still
 * under way: the first time it may have been heard though nobody knows. Answers the failures that each counter has now, 0 where
 * none was added.
 */
export const settleScript = `
local id, how, window, trustMs, held = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local isAgain = ARGV[6] == '1'
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local counted = {0, 0}
for nth = 1, held do
  local counter, tries = KEYS[2 * nth - 1], KEYS[2 * nth]
  local isTaken = not isAgain or redis.call('ZSCORE', tries, id)
  if isTaken and how == 'failed' then
    local known = redis.call('HMGET', counter, 'failures', 'at', 'trusted')
    local failures = now - tonumber(known[2] or 0) >= window and 0 or tonumber(known[1] or 0)
    counted[nth] = failures + 1
    redis.call('HSET', counter, 'failures', failures + 1, 'at', now)
    redis.call('PEXPIRE', counter, known[3] == '1' and math.max(trustMs, window) or window)
  elseif isTaken and how == 'forgiven' and nth == 1 then
    redis.call('HSET', counter, 'failures', 0, 'at', now, 'trusted', 1)
    redis.call('PEXPIRE', counter, trustMs)
  end
  -- last: what could not be written down is still a try
  redis.call('ZREM', tries, id)
end
return counted
`

/** A request within a window that begins with the first. Answers how many there were, and how long it goes on. */
export const hitScript = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
`

/** Fails where counters could not be written: a replica, no memory left, a user who may not. */
export const pingScript = `
redis.call('TIME')
redis.call('SET', KEYS[1], 1, 'PX', 1000)
return {1, 1}
`
