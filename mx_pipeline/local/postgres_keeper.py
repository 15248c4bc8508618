"""
Starts one Postgres server for all its users, and stops it when the last of them is gone.

Every user holds a shared lock on one file, and the kernel gives it back however the user ends: by
returning, by SIGTERM or by SIGKILL. So the keeper only waits to have that lock for itself alone, then asks
for a fast shutdown. It is a program of its own (`python -I -S postgres_keeper.py`) and imports none of ours.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

FAST_SHUTDOWN = signal.SIGINT
IMMEDIATE_SHUTDOWN = signal.SIGQUIT
FAST_SHUTDOWN_SECONDS = 60
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Arguments: the locks' descriptors, the account's uid and gid (or "-"), then the server's command."""
    users, server_lock, uid, gid, *command = sys.argv[1:]
    if os.fork():
        os._exit(0)  # nobody's child: whoever started us may come and go
    os.setsid()  # a Ctrl-C in the terminal is for the users, not for the server

    # The server and all its children inherit the server lock: while any of them lives, it is held.
    server = subprocess.Popen(
        command,
        pass_fds=[int(server_lock)],
        preexec_fn=_die_with_the_keeper,
        user=None if uid == "-" else int(uid),
        group=None if gid == "-" else int(gid),
        extra_groups=None if uid == "-" else [],
    )

    def shut_down(_signal: int, _frame: FrameType | None) -> None:
        server.send_signal(FAST_SHUTDOWN)

    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, shut_down)
    threading.Thread(target=_stop_when_unused, args=(int(users), server), daemon=True).start()
    server.wait()


def _stop_when_unused(users: int, server: "subprocess.Popen[bytes]") -> None:
    fcntl.flock(users, fcntl.LOCK_EX)  # held until we exit: newcomers wait for the end of the shutdown
    server.send_signal(FAST_SHUTDOWN)
    time.sleep(FAST_SHUTDOWN_SECONDS)
    server.send_signal(IMMEDIATE_SHUTDOWN)


def _die_with_the_keeper() -> None:
    """Nobody else would stop the server. Linux only; set after the change of account, which resets it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, FAST_SHUTDOWN)


if __name__ == "__main__":
    main()
