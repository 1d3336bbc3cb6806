"""seccomp: from now on the kernel refuses some system calls to a thread and to what it starts.

The calls are listed here, and the filter is some lines: the Python package for libseccomp wants that library installed,
and was last released in 2021.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import struct

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_CONNECT = {"socket": (41, 198), "connect": (42, 203)}
_NETWORK = {
    "socketpair": (53, 199),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    # These would open sockets by another way.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_OTHER_PROCESSES = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "setrlimit": (160, 164),
}
_KERNEL = {
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "personality": (135, 92),
}
_WRITE = {
    "creat": (85, None),
    "openat2": (437, 437),  # what for is in memory, where a filter cannot look
    "truncate": (76, 45),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_EXECUTE = {"execve": (59, 221), "execveat": (322, 281)}
_OPEN = {"open": (2, None), "openat": (257, 56)}
_CLONE3 = (435, 435)
"""Its flags are in memory too. It is said not to be there, so that `clone` is called instead."""
_CLONE = (56, 220)
_NEW_USER = 0x10000000
_PRLIMIT = (302, 261)

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "riscv64": (0xC00000F3, 1)}
"""The kernel's name of each, and which of the numbers above it has."""
_OTHER_NUMBERS = 0x40000000
"""From here up are the calls of x86-64 with short pointers."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_ARGUMENT_AT = (16, 24, 32)
"""Their lower halves; the upper ones follow."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_BITS = 0xFFFFFFFF
# Family, kind and protocol of a socket: TCP by addresses of version 4.
_TCP_SOCKET = (2, 1 | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0), 6)
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(*, writes: bool, executes: bool, connects: bool = False) -> None:
    """Refuse the calling thread network, other processes and what is for administrators. It needs `no_new_privs`.

    Args:
        writes: whether it may create, change and delete files, as far as it has the right.
        executes: whether it may start programs.
        connects: whether it may connect by TCP to addresses of version 4, and nothing else of a network.

    Raises:
        OSError: the kernel does not offer it, or has numbers for its calls that are not known here.
    """
    code = _filter(writes, executes, connects)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


@functools.cache
def _filter(writes: bool, executes: bool, connects: bool) -> bytes:
    """Write the filter in the language of the kernel's packet filters."""
    if platform.machine() not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no numbers of system calls are known for {platform.machine()}")
    architecture, column = _ARCHITECTURES[platform.machine()]
    refused = {**_NETWORK, **_OTHER_PROCESSES, **_KERNEL}
    refused |= {} if writes else _WRITE
    refused |= {} if executes else _EXECUTE
    refused |= {} if connects else _CONNECT
    deny = _step(_RETURN, _REFUSE | errno.EPERM)
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        deny,
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _OTHER_NUMBERS, 0, 1),
        deny,
    ]
    for numbers in refused.values():
        if (number := numbers[column]) is not None:
            steps += [_step(_EQUAL, number, 0, 1), deny]
    steps += [_step(_EQUAL, _CLONE3[column], 0, 1), _step(_RETURN, _REFUSE | errno.ENOSYS)]
    steps += _refused_with(_CLONE[column], _ARGUMENT_AT[0], _NEW_USER)
    # Limits may be asked for, which names no place in memory for new ones.
    steps += _refused_with(_PRLIMIT[column], _ARGUMENT_AT[2], _BITS)
    steps += _refused_with(_PRLIMIT[column], _ARGUMENT_AT[2] + 4, _BITS)
    if connects:
        for offset, allowed in zip(_ARGUMENT_AT, _TCP_SOCKET, strict=True):
            steps += _refused_with(_CONNECT["socket"][column], offset, _BITS & ~allowed)
    for name, numbers in ({} if writes else _OPEN).items():
        if (number := numbers[column]) is not None:
            steps += _refused_with(number, _ARGUMENT_AT[1 if name == "open" else 2], _WRITE_FLAGS)
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _refused_with(number: int, offset: int, bits: int) -> list[bytes]:
    """Refuse a call if one of some bits is set in half of an argument."""
    return [
        _step(_EQUAL, number, 0, 4),
        _step(_LOAD, offset),
        _step(_ANY_BIT, bits, 0, 1),
        _step(_RETURN, _REFUSE | errno.EPERM),
        _step(_LOAD, _NUMBER_AT),
    ]


def _step(code: int, value: int, jump_if: int = 0, jump_else: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_if, jump_else, value)
