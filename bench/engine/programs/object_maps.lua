-- A simulation whose state is an array of tables: a flock in a box, with methods.
local Bird = {}
Bird.__index = Bird

function Bird:kick(ax, ay)
    self.vx = (self.vx + ax) * 0.98
    self.vy = (self.vy + ay) * 0.98
end

function Bird:advance(dt)
    self.x = self.x + self.vx * dt
    self.y = self.y + self.vy * dt
    if self.x < 40.0 or self.x > 60.0 then
        self.vx = -self.vx
        self.hits = self.hits + 1
    end
    if self.y < 40.0 or self.y > 60.0 then
        self.vy = -self.vy
        self.hits = self.hits + 1
    end
end

local birds = {}
local seed = 7
for i = 0, 59 do
    seed = (seed * 1103515245 + 12345) % 2147483648
    birds[i + 1] = setmetatable({
        id = i, x = (seed % 1000) / 10.0, y = (seed // 1000 % 1000) / 10.0,
        vx = 1.0, vy = 0.5, hits = 0, home = { x = 50.0, y = 50.0, visits = 0 }
    }, Bird)
end

for step = 1, 2500 do
    for i = 1, #birds do
        local home = birds[i].home
        birds[i]:kick((home.x - birds[i].x) * 0.1, (home.y - birds[i].y) * 0.02)
        birds[i]:advance(0.5)
        if birds[i].x > 45.0 and birds[i].x < 55.0 then
            birds[i].home.visits = birds[i].home.visits + 1
        end
    end
end

local hits, visits, check = 0, 0, 0
local function to_int(x)
    return x < 0 and math.ceil(x) or math.floor(x)
end
for _, bird in ipairs(birds) do
    hits = hits + bird.hits
    visits = visits + bird.home.visits
    check = (check * 31 + to_int(bird.x * 1000.0) + to_int(bird.y * 1000.0)) % 1000000007
end
print(string.format("%d %d %d", hits, visits, check))
