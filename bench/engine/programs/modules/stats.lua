-- Count, sum and maximum of a series.
local stats = {}

function stats.empty()
    return { 0, 0, 0 }
end

function stats.larger(a, b)
    if a > b then return a else return b end
end

function stats.note(totals, n)
    return { totals[1] + 1, totals[2] + n, stats.larger(totals[3], n) }
end

function stats.mean(totals)
    return totals[2] // totals[1]
end

return stats
