"""What a Linux program asks of the machine it starts on, read from its ELF header."""

import re
import struct

from .common import Failure

PT_INTERP = 3


def interpreter(program):
    """The dynamic loader that the program names; None where it is linked statically."""
    data = program.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise Failure(f"{program} is no 64-bit ELF program")
    if struct.unpack_from("<H", data, 18)[0] != 62:
        raise Failure(f"{program} is not for x86_64")
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for header in range(offset, offset + size * count, size):
        if struct.unpack_from("<I", data, header)[0] == PT_INTERP:
            start, length = struct.unpack_from("<Q", data, header + 8)[0], struct.unpack_from("<Q", data, header + 32)[0]
            return data[start : start + length].rstrip(b"\0").decode()
    return None


def least_glibc(program):
    """The oldest glibc with every symbol that the program names, as (2, minor)."""
    minors = [int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)(?=[.\0])", program.read_bytes())]
    return 2, max(minors, default=17)
