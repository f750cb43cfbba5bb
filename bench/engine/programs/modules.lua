-- A program in modules: small functions of one module call those of another.
package.path = (arg[0]:match("^(.*/)") or "") .. "?.lua;" .. package.path
local vectors = require("modules/vectors")
local random = require("modules/random")
local stats = require("modules/stats")

local seed = 17
local sum = { 0.0, 0.0 }
local totals = stats.empty()
for i = 1, 150000 do
    seed = random.next(seed)
    local a = vectors.make(random.unit(seed), 0.5)
    local b = vectors.scale(a, 2.0)
    if vectors.dot(a, b) > 0.75 then
        sum = vectors.add(sum, b)
    end
    totals = stats.note(totals, random.below(seed, 1000))
end
print(string.format("%d %d %d %d %d", math.floor(sum[1] * 1000.0), totals[1], totals[2], totals[3], stats.mean(totals)))
