# SPDX-License-Identifier: Apache-2.0
# Calls and their results as bytes. Both ends are the same interpreter, so numbers and texts travel as marshal has them;
# all else by pickle, with the memory of large arrays beside its bytes; what pickle could only name, since it is defined in
# the program itself (__main__: a script, the REPL, a notebook's cell), by value, which is cloudpickle's art. But workers that are
# forks of the program have what was in its __main__ when they were forked: they *share* it, and it goes by name.
#
# Workers import this before they are ready: nothing here may import what takes time.
import marshal
import sys
from _io import BytesIO
from _pickle import PickleBuffer, Pickler, PicklingError, dumps, loads

# As in types, which is not loaded when a worker starts.
FunctionType, BuiltinFunctionType, ModuleType = type(lambda: 0), type(len), type(sys)
CodeType = type((lambda: 0).__code__)

# How a message is to be read: bits of its kind.
PICKLED = 1  # its data; else marshalled
NAMED = 2  # a call's data is (positional, named); else positional alone
EACH = 4  # the function is called with each element
UNPACKED = 8  # … whose elements are the arguments
ONCE = 16  # the function has a state of its own: it is loaded anew
FAILED = 32  # a result: (exception, traceback), or with EACH the (values before, exception, traceback)

SCALARS = frozenset({type(None), bool, int, float, complex, str})
_LARGE = 1 << 16  # bytes that are worth a buffer of their own
_MOST_KEPT = 256
_MOST_BYTES_KEPT = 32 << 20
_MAIN = b"\x8c\x08__main__"  # the name of a module, as pickle writes it


def encode(value, shared=None):
    """(PICKLED or 0, data, buffers or None) of a tuple or a list."""
    if SCALARS.issuperset(map(type, value)):
        return 0, marshal.dumps(value, 2), None
    return PICKLED, *pickled(beside(value), shared)


def encode_result(value):
    """The same of any value."""
    kind = type(value)
    if kind in SCALARS or kind is list and SCALARS.issuperset(map(type, value)):
        return 0, marshal.dumps(value, 2), None
    return PICKLED, *pickled(PickleBuffer(value) if _is_large(value) else value, shared_with_program)


def decode(kind, data, buffers):
    return loads(data, buffers=buffers) if kind & PICKLED else marshal.loads(data)


def beside(values):
    """The values, of which large bytes will not be copied into pickle's."""
    if not any(map(_is_large, values)):
        return values
    return tuple(PickleBuffer(one) if _is_large(one) else one for one in values)


def _is_large(value):
    return type(value) in (bytes, bytearray) and len(value) >= _LARGE


def pickled(value, shared=None):
    """(bytes, buffers or None)"""
    buffers = []

    def is_inside(buffer):
        memory = buffer.raw()
        if memory.nbytes < _LARGE:
            return True
        buffers.append(memory)

    data = _by_reference(value, is_inside, shared)
    if data is None:
        buffers.clear()
        data = _by_value(value, is_inside, shared)
    return data, buffers or None


def _by_reference(value, is_inside=None, shared=None):
    """None if pickle cannot, or would name what a worker does not find."""
    try:
        if shared is not None:
            return _SharingPickler.dumps(value, is_inside, shared)
        data = dumps(value, 5, buffer_callback=is_inside)
    except Exception:
        return None
    return None if _MAIN in data else data


# In a worker that is a fork of the program: what was in __main__ then, by name.
shared_with_program = None


def functions_and_classes(module):
    """What pickle names."""
    return {name: value for name, value in vars(module).items() if isinstance(value, (type, FunctionType))}


class _SharingPickler(Pickler):
    @classmethod
    def dumps(cls, value, is_inside, shared):
        stream = BytesIO()
        pickler = cls(stream, 5, buffer_callback=is_inside)
        pickler._shared = shared
        pickler.dump(value)
        return stream.getvalue()

    def reducer_override(self, value):
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__" and not _has(self._shared, value):
            raise PicklingError(f"{value!r} has come since")
        return NotImplemented


def _has(shared, value):
    """Is that a function or a class of `shared`, or of one of its classes?"""
    name, *inner = value.__qualname__.split(".")
    found = shared.get(name)
    for each in inner:
        found = getattr(found, each, None)
    return found is value


def _by_value(value, is_inside=None, shared=None):
    try:
        from cloudpickle import CloudPickler
        from cloudpickle import dumps as dumps_by_value
    except ImportError:
        raise PicklingError(
            f"{value!r:.200} holds something that pickle cannot send to another process (a lambda, or what is defined in the "
            "program itself, the REPL or a notebook's cell). With cloudpickle it can be sent: install python3-cloudpickle; or "
            "move the definition into a module"
        ) from None
    if shared is None:
        return dumps_by_value(value, protocol=5, buffer_callback=is_inside)

    class NamingPickler(CloudPickler):
        """What workers have is named also within what goes by value: a class is to be the same there."""

        def reducer_override(self, inner):
            if isinstance(inner, (type, FunctionType)) and inner.__module__ == "__main__" and _has(shared, inner):
                return NotImplemented
            return super().reducer_override(inner)

    stream = BytesIO()
    NamingPickler(stream, protocol=5, buffer_callback=is_inside).dump(value)
    return stream.getvalue()


class _Kept(dict):
    """What is likely to come again: so many at most, of so many bytes together. When there are more it begins anew."""

    _bytes = 0

    def keep(self, key, value, size):
        if len(self) >= _MOST_KEPT or self._bytes + size > _MOST_BYTES_KEPT:
            self.clear()
            self._bytes = 0
        self[key] = value
        self._bytes += size


_known_functions = _Kept()  # function → ((ONCE or 0, bytes), what must be as it was then, or None)


def encode_function(function, shared=None):
    """(ONCE or 0, bytes)"""
    if shared is not None and type(function) is FunctionType:
        return 0, pickled_alone(function, shared)
    try:
        known = _known_functions.get(function)
    except TypeError:  # not hashable
        return ONCE, pickled_alone(function, shared)
    if known is not None and (known[1] is None or known[1] == _surroundings(function)):
        return known[0]
    if type(function) is FunctionType:
        data = _by_reference(function)
        if data is not None:
            return _keep(function, data)
        return _keep(function, _by_value(function), _surroundings(function))
    if type(function) is type or _is_modules_own(function):
        data = _by_reference(function)
        if data is not None:
            return _keep(function, data)
    return ONCE, pickled_alone(function, shared)


class _Unknown(Exception):
    """A function refers to something that may change and still be the same object."""


def _surroundings(function):
    """All that encoding a function by value depends on, to be compared; what is equal to nothing if that cannot be told."""
    found = []
    try:
        _note_function(function, found, set())
    except _Unknown:
        return _NOTHING
    return found


class _EqualToNothing:
    __hash__ = None

    def __eq__(self, other):
        return False


_NOTHING = _EqualToNothing()


def _note_function(function, found, seen):
    if function in seen:
        return
    seen.add(function)
    if function.__dict__ or function.__kwdefaults__:
        raise _Unknown
    found.append(function.__code__)
    for value in function.__defaults__ or ():
        _note(value, found, seen)
    for cell in function.__closure__ or ():
        try:
            _note(cell.cell_contents, found, seen)
        except ValueError:  # it is empty
            raise _Unknown from None
    names = function.__globals__
    for name in _names_in(function.__code__):
        if name in names:
            found.append(name)
            _note(names[name], found, seen)


def _note(value, found, seen):
    kind = type(value)
    if kind in SCALARS:
        found.append((kind, repr(value) if kind in (float, complex) else value))  # 0.0 == -0.0
    elif kind is ModuleType or kind is BuiltinFunctionType and _is_modules_own(value):
        found.append(id(value))
    elif kind is FunctionType:
        _note_function(value, found, seen)
    else:
        raise _Unknown


_names = {}


def _names_in(code):
    """Of its globals, and of attributes; also in the functions within it."""
    known = _names.get(code)
    if known is None:
        known = set(code.co_names)
        for constant in code.co_consts:
            if type(constant) is CodeType:
                known |= _names_in(constant)
        if len(_names) >= _MOST_KEPT:
            _names.clear()
        _names[code] = known = frozenset(known)
    return known


def _is_modules_own(function):
    """Of C code, and not the method of an object."""
    return type(function) is BuiltinFunctionType and isinstance(function.__self__, (ModuleType, type(None)))


def pickled_alone(value, shared=None):
    """Its bytes, with all memory in them."""
    data = _by_reference(value, None, shared)
    return _by_value(value, None, shared) if data is None else data


def _keep(function, data, surroundings=None):
    encoded = 0, data
    _known_functions.keep(function, (encoded, surroundings), len(data))
    return encoded


_MOST_WRAPPED = 100  # one around another
_initial_globals = {}  # what the initializer has set in __main__: of what goes by value, each has globals of its own


def initialize(function, arguments):
    """In a worker, first."""
    there = _globals_of_main(function)
    before = dict(there)
    function(*arguments)
    _initial_globals.update((name, value) for name, value in there.items() if name not in before or before[name] is not value)


def _globals_of_main(function):
    """Those of a function of the program's __main__, also within a partial(), a decorator's function, or an object that is called."""
    for _ in range(_MOST_WRAPPED):
        for inside in ("func", "__wrapped__", "__func__"):
            if hasattr(function, inside):
                function = getattr(function, inside)
                break
        else:
            break
    if not hasattr(function, "__globals__"):
        function = getattr(type(function), "__call__", None)
    return getattr(function, "__globals__", {}) if getattr(function, "__module__", None) == "__main__" else {}


_loaded_functions = _Kept()


def _load_function(kind, data):
    function = loads(data)
    if _initial_globals:
        _globals_of_main(function).update(_initial_globals)
    if not kind & ONCE:
        _loaded_functions.keep(data, function, len(data))
    return function


def run(kind, function, data, buffers):
    """In a worker: one message to another."""
    values = []
    try:
        call = _loaded_functions.get(function) or _load_function(kind, function)
        arguments = loads(data, buffers=buffers) if kind & PICKLED else marshal.loads(data)
        if kind & EACH:
            _call_each(call, arguments, kind & UNPACKED, values)
            result = encode(values, shared_with_program)
        elif kind & NAMED:
            result = encode_result(call(*arguments[0], **arguments[1]))
        else:
            result = encode_result(call(*arguments))
    except BaseException as error:
        result = _failed(error, values if kind & EACH else None)
    flush(sys.stdout)  # what a task has printed is out when its result is
    return result


def flush(*streams):
    """They may be anything, closed ones and what the user has put in their place among it."""
    for stream in streams:
        try:
            stream.flush()
        except Exception:
            pass


def _call_each(call, arguments, unpacked, values):
    """Those that have returned are in `values`, also when one raises."""
    if unpacked:
        for one in arguments:
            values.append(call(*one))
        return
    values.extend(map(call, arguments))
    if len(values) < len(arguments):  # to map() and extend() that is an end like any other
        raise RuntimeError(f"{call!r} raised StopIteration")


def _failed(error, values):
    from traceback import format_exception

    users = error.__traceback__
    while users is not None and users.tb_frame.f_code.co_filename == __file__:
        users = users.tb_next
    text = "".join(format_exception(type(error), error, users)).rstrip("\n")
    try:
        data = pickled_alone(error, shared_with_program)
        loads(data)  # one whose __init__ takes other arguments than it keeps can be written, but not read
    except BaseException:
        data = dumps((type(error).__name__, _text_of(error)), 5)
    whole = (data, text) if values is None else (values, data, text)
    try:
        return FAILED | PICKLED, *pickled(whole, shared_with_program)
    except BaseException:  # one of the values cannot be sent
        return FAILED | PICKLED, dumps((data, text) if values is None else ([], data, text), 5), None


def named_in(text):
    """(name of the type, text) of the exception that a traceback ends with."""
    name, _, message = text.rpartition("\n")[2].partition(": ")
    return name, message


def _text_of(error):
    try:
        return str(error)
    except Exception:
        return ""


def leave():
    """In a worker, after the last."""
    import atexit

    atexit._run_exitfuncs()
    flush(sys.stdout, sys.stderr)
