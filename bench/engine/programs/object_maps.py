# A simulation whose state is a list of objects: a flock in a box, with methods.
class Bird:
    def __init__(self, id, x, y):
        self.id = id
        self.x = x
        self.y = y
        self.vx = 1.0
        self.vy = 0.5
        self.hits = 0
        self.home = {"x": 50.0, "y": 50.0, "visits": 0}

    def kick(self, ax, ay):
        self.vx = (self.vx + ax) * 0.98
        self.vy = (self.vy + ay) * 0.98

    def advance(self, dt):
        self.x += self.vx * dt
        self.y += self.vy * dt
        if self.x < 40.0 or self.x > 60.0:
            self.vx = -self.vx
            self.hits += 1
        if self.y < 40.0 or self.y > 60.0:
            self.vy = -self.vy
            self.hits += 1


def main():
    birds = []
    seed = 7
    for i in range(60):
        seed = (seed * 1103515245 + 12345) % 2147483648
        birds.append(Bird(i, (seed % 1000) / 10.0, (seed // 1000 % 1000) / 10.0))

    for step in range(2500):
        for i in range(len(birds)):
            home = birds[i].home
            birds[i].kick((home["x"] - birds[i].x) * 0.1, (home["y"] - birds[i].y) * 0.02)
            birds[i].advance(0.5)
            if birds[i].x > 45.0 and birds[i].x < 55.0:
                birds[i].home["visits"] += 1

    hits = visits = check = 0
    for bird in birds:
        hits += bird.hits
        visits += bird.home["visits"]
        check = (check * 31 + int(bird.x * 1000.0) + int(bird.y * 1000.0)) % 1000000007
    print(hits, visits, check)


main()
