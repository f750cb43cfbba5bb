# Vectors of two numbers.
def make(x, y):
    return [x, y]


def scale(v, by):
    return make(v[0] * by, v[1] * by)


def add(a, b):
    return make(a[0] + b[0], a[1] + b[1])


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1]
