#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# golden.py - the structures of sample.h as bytes, written from cachet_format.h
#
#   tests/unit/golden.py >tests/unit/golden_bytes.h
#
# A second implementation of the format, which shares no line with the first:
# where the two disagree, the format has drifted. golden_bytes.h changes only
# together with CACHET_FORMAT_VERSION or a feature bit; scripts/lint checks that
# it is what this program prints.

import struct

UUID = bytes(0x11 * i for i in range(16))
FP = bytes(range(0xA0, 0xB0))
DIGEST = bytes(range(0x20, 0x40))
EPOCH = 0x0102030405
SEGMENT_GENERATION = 0x0203040506
OBJECT_GENERATION = 0x0102030405060708
LAST_USE = 0x65432100
SEGMENT_TABLE = 4096
VOLUME_TABLE = SEGMENT_TABLE + 4096  # 16 * 64 bytes, to a full page
SETS = VOLUME_TABLE + 16 * 512
SEGMENT_BYTES = 1 << 24
SEGMENT = 5

SEALED, LOCAL, PINNED, MORE = 1, 2, 4, 8
OBJECT, EXTENT, CONTENT = 1, 2, 3


def crc32c(crc, data):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


assert crc32c(0xFFFFFFFF, b"123456789") ^ 0xFFFFFFFF == 0xE3069283
SEED = crc32c(0xFFFFFFFF, UUID)


def at(pos, data, seed=SEED):
    """The crc of data that belongs to byte pos of its file."""
    return crc32c(crc32c(seed, struct.pack("<Q", pos)), data)


def sealed(pos, body):
    """A record: the crc of its body, then its body."""
    return struct.pack("<I", at(pos, body)) + body


def extent(generation, page, off, length):
    return struct.pack("<QIHH", generation, page, off, length)


def head(kind, flags, nr, part, fp=FP):
    return struct.pack("<BBBBQ16s", kind, flags, nr, part, EPOCH, fp)


def record_pos(set_nr, way):
    return SETS + set_nr * 4096 + way * 128


def super_sector():
    lost = struct.pack("<QQQQ", 3, 4, 0x10, 0x20)
    body = struct.pack(
        "<IIIII16s32sQQQQIIIBBBB128s256x",
        1, 0x80000001, 0, 0, 1, UUID, b"golden-1", EPOCH, 0x60000000, 0x60000001,
        0x1234, 16, 100, 16, 24, 18, 1, 2, lost)
    return b"Cachet\r\n" + struct.pack("<I", crc32c(0xFFFFFFFF, body)) + body


def file_id(magic, pos):
    body = UUID + bytes(32)
    return magic + struct.pack("<II", at(pos, body, 0xFFFFFFFF), 0) + body


def segment():
    body = struct.pack("<BBHQQIII28x", 2, 1, 1, EPOCH, SEGMENT_GENERATION, 0xABC, 0x9AB, LAST_USE)
    return sealed(SEGMENT_TABLE + SEGMENT * 64, body)


def volume():
    key, coherency = b"nfs,4.2,golden", bytes(range(1, 21))
    body = struct.pack(
        "<IQQQIBBBB256s160sQ48x", 0, EPOCH, 0x1122334455, 7, LAST_USE, 16,
        len(key), len(coherency), 0, key, coherency, 0x66778899AA)
    return sealed(VOLUME_TABLE + 3 * 512, body)


def obj():
    body = head(OBJECT, SEALED | PINNED, 1, 0) + struct.pack(
        "<QQ16sIIIBBxx", OBJECT_GENERATION, 0x12345, bytes(range(0xC0, 0xD0)),
        0x22334455, LAST_USE, 9, 18, 200)
    body += extent(SEGMENT_GENERATION, 0x5123, 0, 19) + DIGEST
    return sealed(record_pos(2, 3), body)


def extents_sealed():
    body = head(EXTENT, SEALED | LOCAL, 2, 0) + struct.pack("<QII", OBJECT_GENERATION, 0x1020304, 77)
    body += extent(SEGMENT_GENERATION, 0x5200, 0, 40) + extent(SEGMENT_GENERATION + 1, 0x6300, 40, 24)
    return sealed(record_pos(4, 31), body + bytes(16) + DIGEST)


def part_extent(i):
    """Piece i of the map in parts: every second page."""
    return extent(SEGMENT_GENERATION + i, 0x1000 * (i + 1) + 7, 2 * i, 1)


def extents_part(part):
    pieces = range(0, 5) if part == 0 else range(5, 7)
    flags = LOCAL | (MORE if part == 0 else 0)
    body = head(EXTENT, flags, len(pieces), part) + struct.pack("<QII", OBJECT_GENERATION, 1, 78)
    body += b"".join(part_extent(i) for i in pieces)
    return sealed(record_pos(5 + part, 0), body.ljust(124, b"\0"))


def content():
    body = head(CONTENT, SEALED, 3, 0, DIGEST[:16]) + DIGEST + struct.pack("<I12x", 64)
    body += extent(SEGMENT_GENERATION, 0x5200, 0, 16)
    body += extent(SEGMENT_GENERATION + 1, 0x6300, 16, 24)
    body += extent(SEGMENT_GENERATION + 2, 0x7400, 40, 24)
    return sealed(record_pos(99, 1), body)


def summary():
    """Entry 1, entry 0, footer: as they lie in the file."""
    entry1 = struct.pack("<16sIHHIBBxx32s", FP, 3, 8, 4, 0x5010, LOCAL, 16, bytes(32))
    entry0 = struct.pack("<16sIHHIBBxx32s", FP, 2, 0, 16, 0x5000, SEALED, 16, DIGEST)
    rest = struct.pack("<IIQQ16s16x", 2, SEGMENT, SEGMENT_GENERATION, EPOCH, UUID)
    crc = at((SEGMENT + 1) * SEGMENT_BYTES - 64, rest + entry1 + entry0)
    return entry1 + entry0 + struct.pack("<II", 0x6D755343, crc) + rest


def main():
    images = [
        ("super", super_sector(), 512),
        ("index_id", file_id(b"CachIdx\n", 0), 64),
        ("data_id", file_id(b"CachDat\n", 16 * SEGMENT_BYTES), 64),
        ("segment", segment(), 64),
        ("volume", volume(), 512),
        ("object", obj(), 128),
        ("sealed", extents_sealed(), 128),
        ("part0", extents_part(0), 128),
        ("part1", extents_part(1), 128),
        ("content", content(), 128),
        ("summary", summary(), 192),
    ]
    print("/* SPDX-License-Identifier: GPL-2.0-only */")
    print("/*\n * golden_bytes.h - the structures of sample.h as bytes; made by golden.py\n */")
    print("#ifndef CACHET_GOLDEN_BYTES_H\n#define CACHET_GOLDEN_BYTES_H")
    for name, data, size in images:
        assert len(data) == size, (name, len(data))
        print(f"\nstatic const u8 golden_{name}[{size}] = {{")
        for i in range(0, size, 16):
            line = data[i:i + 16]
            if any(line):
                print(f"\t[{i}] = " + ", ".join(f"0x{b:02x}" for b in line) + ",")
        print("};")
    print("\n#endif")


main()
