"""Programs that start servers leave none behind."""

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, time
sys.path.insert(0, "scripts")
from orderly_end import end_in_order
end_in_order()
try:
    print("started", flush=True)
    time.sleep(60)
finally:
    print("ended in order")
"""


def test_a_program_that_is_terminated_ends_what_it_started():
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "started\n"
    program.send_signal(signal.SIGTERM)
    told, _ = program.communicate(timeout=30)
    assert (told, program.returncode) == ("ended in order\n", 128 + signal.SIGTERM)
