"""Ways of running code that several tests need: forked children, many threads, interrupts, subprocesses."""

import dis
import multiprocessing
import os
import pickle
import select
import subprocess
import sys
import threading
import time
import traceback
import warnings

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sparsesci")
CAN_FORK = hasattr(os, "fork") and "fork" in multiprocessing.get_all_start_methods()


def run_in_forked_child(function, timeout=60):
    """Return ``function()`` as computed by a forked child; it must exit with status 0 within ``timeout`` seconds."""
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # "fork in a multi-threaded process"
        child = os.fork()
    if child == 0:
        _answer_and_exit(function, read_end, write_end)
    os.close(write_end)
    try:
        answer = _read_all(read_end, time.monotonic() + timeout)
    finally:
        os.close(read_end)
        if _still_runs(child, time.monotonic() + 5):
            os.kill(child, 9)
            os.waitpid(child, 0)
            raise AssertionError(f"the forked child did not finish within {timeout} s")
    succeeded, value = pickle.loads(answer)
    assert succeeded, f"the forked child failed:\n{value}"
    return value


def _answer_and_exit(function, read_end, write_end):
    """In the child: send what ``function`` returns or raises, and leave without the parent's clean-up."""
    status = 1
    try:
        os.close(read_end)
        try:
            answer = (True, function())
        except BaseException:
            answer = (False, traceback.format_exc())
        with os.fdopen(write_end, "wb") as pipe:
            pickle.dump(answer, pipe)
        status = 0
    finally:
        os._exit(status)


def _read_all(descriptor, deadline):
    """Read to the end of the pipe; stop at the deadline with what there is."""
    blocks = []
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        block = os.read(descriptor, 1 << 20)
        if not block:
            return b"".join(blocks)
        blocks.append(block)
    return pickle.dumps((False, "no answer in time"))


def _still_runs(child, deadline):
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0, f"the forked child ended with wait status {status}"
            return False
        time.sleep(0.002)
    return True


def run_in_threads(functions, timeout=120):
    """Return the values of all ``functions``, started together in one Python thread each."""
    barrier = threading.Barrier(len(functions))
    values, errors = [None] * len(functions), []

    def run(which):
        try:
            barrier.wait(timeout)
            values[which] = functions[which]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), f"not finished within {timeout} s"
    if errors:
        raise errors[0]
    return values


def run_python(code, timeout=120, **environment):
    """Return what a fresh interpreter prints that runs ``code`` with the package on its path."""
    env = {**os.environ, **environment, "PYTHONPATH": os.path.dirname(PACKAGE)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Interrupt:
    """Raise KeyboardInterrupt in the ``at``-th place of the package where the interpreter would deliver one.

    CPython looks for signals on entry to a function, after a call and when a loop jumps back; these places are counted
    in the frames of the package that the current thread runs in the block. With ``at=None`` nothing is raised and
    ``places`` counts them; ``delivered`` says whether the exception was raised, ``where`` in which line.
    """

    _AFTER = ("RESUME", "CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD")

    def __init__(self, at=None):
        self.at = at
        self.places = 0
        self.delivered = False
        self.where = None
        self._instructions = {}
        self._previous_instruction = {}

    def __enter__(self):
        self._outer_trace = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exception):
        sys.settrace(self._outer_trace)
        return False

    def _trace(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            self._opcode(frame)
        return self._trace

    def _opcode(self, frame):
        instructions = self._instructions.get(frame.f_code)
        if instructions is None:
            instructions = self._instructions[frame.f_code] = frame.f_code.co_code
        previous = self._previous_instruction.get(frame)
        self._previous_instruction[frame] = dis.opname[instructions[frame.f_lasti]]
        if previous in self._AFTER:
            self.places += 1
            if self.places == self.at:
                self.delivered = True
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
