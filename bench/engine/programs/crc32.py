# CRC-32 of 1 MiB, byte by byte through a table.
def make_table():
    table = []
    for n in range(256):
        c = n
        for k in range(8):
            c = (c >> 1) ^ 0xEDB88320 if c & 1 == 1 else c >> 1
        table.append(c)
    return table


def crc32(data, table):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def main():
    size = 1048576
    data = bytearray(size)
    for i in range(size):
        data[i] = (i * 7 + (i >> 8)) & 255
    print(crc32(data, make_table()), len(data))


main()
