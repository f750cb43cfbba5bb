# Count, sum and maximum of a series.
def empty():
    return [0, 0, 0]


def larger(a, b):
    return a if a > b else b


def note(totals, n):
    return [totals[0] + 1, totals[1] + n, larger(totals[2], n)]


def mean(totals):
    return totals[1] // totals[0]
