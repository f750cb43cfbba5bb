-- Vectors of two numbers.
local vectors = {}

function vectors.make(x, y)
    return { x, y }
end

function vectors.scale(v, by)
    return vectors.make(v[1] * by, v[2] * by)
end

function vectors.add(a, b)
    return vectors.make(a[1] + b[1], a[2] + b[2])
end

function vectors.dot(a, b)
    return a[1] * b[1] + a[2] * b[2]
end

return vectors
