"""Landlock: from now on a thread, and what it starts, opens no file but those that it was left.

See https://docs.kernel.org/userspace-api/landlock.html. No package for it on PyPI has left its trial versions.
"""

from __future__ import annotations

import ctypes
import functools
import os
import stat
import struct
from collections.abc import Mapping
from enum import IntFlag
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_CONNECT_TCP = 1 << 1


class Access(IntFlag):
    """What may be left of the rights to files."""

    NONE = 0
    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15
    READ = READ_FILE | READ_DIR
    WRITE = WRITE_FILE | TRUNCATE


# All rights to files and to TCP, and what reaches beyond the sandbox, that the versions of the interface know.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_NET_RIGHTS = {4: 2}
_SCOPES = {6: 2}
_OF_ONE_FILE = Access.EXECUTE | Access.READ_FILE | Access.WRITE | Access.IOCTL_DEV


def interface_version() -> int:
    """Give the version of the interface that the kernel has; from 4 on it checks ports.

    Raises:
        OSError: the kernel does not offer it.
    """
    return _call(_CREATE_RULESET, None, 0, _ASK_VERSION)


def restrict(left: Mapping[Path, Access], port: int | None = None) -> None:
    """Take all rights to files from the calling thread but those that are left. It needs `no_new_privs`.

    Files that are open already stay so. Network by TCP, signals and abstract sockets to processes outside are taken as
    well, where the kernel can.

    Args:
        left: files, and folders with all that is in them; what does not exist is passed over.
        port: the one TCP port, of whatever machine, that it may still connect to.

    Raises:
        OSError: the kernel does not offer it.
    """
    version = interface_version()
    files, net, scopes = (_all_bits(known, version) for known in (_FILE_RIGHTS, _NET_RIGHTS, _SCOPES))
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _call(_CREATE_RULESET, struct.pack("=QQQ", files, net, scopes), size, 0)
    try:
        for path, access in left.items():
            _leave(rules, path, access & files)
        if port is not None and net:
            _call(_ADD_RULE, rules, _NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0)
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _all_bits(known: Mapping[int, int], version: int) -> int:
    return (1 << max((count for since, count in known.items() if since <= version), default=0)) - 1


def _leave(rules: int, path: Path, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            access &= _OF_ONE_FILE
        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", access, place), 0)
    finally:
        os.close(place)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: int | bytes | None) -> int:
    # What is not said to be long would be cut to 32 bits.
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = _libc().syscall(number, *passed)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)
