# Pseudo-random numbers; the state is the caller's.
def next(seed):
    return (seed * 1103515245 + 12345) % 2147483648


def below(seed, limit):
    return seed // 65536 % limit


def unit(seed):
    return below(seed, 4096) / 4096.0
