"""A user of the embedded Postgres in a process of its own: starts, says so, stays until told or killed."""

import os
import sys
import threading
from pathlib import Path

from mx_pipeline.local.embedded_postgres import running
from mx_pipeline_tests.local.throwaway_postgres import UNSAFE_AND_FAST

if __name__ == "__main__":
    if sys.argv[2:]:
        os.umask(int(sys.argv[2], 8))
    threading.Thread(target=lambda: None).start()  # like any real program, it has had threads
    with running(Path(sys.argv[1]), settings=UNSAFE_AND_FAST) as postgres:
        print(postgres.url(), flush=True)  # noqa: T201
        sys.stdin.readline()
