-- Pseudo-random numbers; the state is the caller's.
local random = {}

function random.next(seed)
    return (seed * 1103515245 + 12345) % 2147483648
end

function random.below(seed, limit)
    return seed // 65536 % limit
end

function random.unit(seed)
    return random.below(seed, 4096) / 4096.0
end

return random
