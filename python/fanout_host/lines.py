# SPDX-License-Identifier: Apache-2.0
# sys.stdout and sys.stderr while tasks run: every thread assembles its own lines, and only whole lines leave, in one
# write, so that print() in two threads cannot mix them.
import io
import os
import sys
from _thread import RLock, get_ident

# One lock for both streams: they may be one file. Reentrant, for a signal handler may print while its thread writes.
_writing = RLock()

# Whose line a piece of text belongs to. The async model makes it tell coroutines of one thread apart as well.
writer_id = get_ident


class LineBytes(io.BufferedIOBase):
    """The binary side (sys.stdout.buffer): holds each writer's unfinished line."""

    def __init__(self, stream):
        self._stream = stream
        self._unfinished = {}  # writer → pieces without a newline; an entry is only ever touched by its own writer

    def write(self, data):
        data = bytes(data)
        writer = writer_id()
        end = data.rfind(b"\n") + 1
        if end == 0:
            if data:
                self._unfinished.setdefault(writer, []).append(data)
            return len(data)
        pieces = self._unfinished.pop(writer, [])
        pieces.append(data[:end])
        if end < len(data):
            self._unfinished.setdefault(writer, []).append(data[end:])
        self._emit(b"".join(pieces))
        return len(data)

    def _emit(self, lines):
        with _writing:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._stream.fileno(), rest):]

    def complete(self, writer):
        """Ends the writer's unfinished line, if there is one."""
        pieces = self._unfinished.pop(writer, None)
        if pieces:
            self._emit(b"".join(pieces) + b"\n")

    def complete_all(self):
        for writer in list(self._unfinished):
            self.complete(writer)

    def flush(self):
        """Nothing: an unfinished line that left would be open to other writers."""

    def close(self):
        """Nothing: what wraps this stream and is thrown away must not take it along."""

    def writable(self):
        return True

    def fileno(self):
        return self._stream.fileno()

    def isatty(self):
        return self._stream.isatty()


class LineText(io.TextIOBase):
    """The text side: what print() writes to."""

    line_buffering = True
    write_through = False
    mode = "w"

    def __init__(self, stream):
        self.buffer = LineBytes(stream)
        self.name = stream.name
        self._encoding = stream.encoding
        self._errors = stream.errors

    @property
    def encoding(self):
        return self._encoding

    @property
    def errors(self):
        return self._errors

    def reconfigure(self, *, encoding=None, errors=None, **_):
        """As io.TextIOWrapper's; how lines are buffered is not the user's to change."""
        if encoding is not None:
            self._encoding = encoding
            self._errors = errors or "strict"
        elif errors is not None:
            self._errors = errors

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.buffer.write(text.encode(self._encoding, self._errors))
        return len(text)

    def flush(self):
        """Nothing, as for LineBytes."""

    def close(self):
        """Nothing, as for LineBytes."""

    def detach(self):
        return self.buffer

    def writable(self):
        return True

    def fileno(self):
        return self.buffer.fileno()

    def isatty(self):
        return self.buffer.isatty()


_streams = []


def _forked():
    """In a child made by fork: whoever held the lock does not exist here."""
    global _writing
    _writing = RLock()


def install():
    """Replaces sys.stdout and sys.stderr."""
    sys.stdout = LineText(sys.__stdout__)
    sys.stderr = LineText(sys.__stderr__)
    _streams.extend((sys.stdout.buffer, sys.stderr.buffer))
    os.register_at_fork(after_in_child=_forked)


def complete():
    """At the end of a task: ends the lines that it left unfinished."""
    writer = writer_id()
    for stream in _streams:
        stream.complete(writer)


def complete_all():
    """Ends the lines of all writers: also of threads that tasks started."""
    for stream in _streams:
        stream.complete_all()


def tell_coroutines_apart():
    """Makes every context that calls the function returned a writer of its own; its children belong to it."""
    global writer_id
    from _contextvars import ContextVar  # contextvars without what may be the user's contextvars.py

    task = ContextVar("task", default=None)
    writer_id = lambda: (get_ident(), task.get())
    return task.set
