"""What fastseg raises on purpose, in one tree; anything else that comes out of it is a fault of ours.

::

    FastsegError
    ├── InputError                (also a ValueError)    a value that cannot be meant
    │   ├── GridMismatchError                            two images that do not lie on one grid
    │   ├── EmptyMaskError                               a structure that is missing, under empty="raise"
    │   └── CaseError                                    cases of a cohort that could not be evaluated
    ├── InputTypeError            (also a TypeError)     a value of a type that is not taken
    ├── BackendNotAvailableError  (also a RuntimeError)  a backend that cannot run here
    ├── WorkersError              (also a RuntimeError)  worker processes, or an executor, that cannot go on
    └── MissingPackageError       (also an ImportError)  an optional package that is not installed
        └── UntestedVersionError                         a host whose drop-ins were not tested with this version

Files that are missing or cannot be read or written are Python's own OSErrors (FileNotFoundError and its like), and
memory that is not there its MemoryError.
:class:`BackendFallbackWarning` and :class:`InputWarning` are the warnings with a class of their own.
"""

from __future__ import annotations

import errno
import re

#: how many characters of a text that is not ours stand in a message
MOST_CHARACTERS = 200


def shortened(text: object, most: int = MOST_CHARACTERS) -> str:
    r"""Cut a text that is not ours (a header, a name, another library's message) for a message, which stays one line.

    What is cut is counted; line breaks become spaces, and other characters that cannot be shown become escapes.

    Examples
    --------
    >>> shortened("a" * 300, most=10)
    'aaaaaaaaaa… (300 characters)'
    """
    full = str(text)
    line = " ".join(full.split())
    shown = escaped(line[:most])
    return shown if len(line) <= most else f"{shown}… ({len(full):,} characters)"


def escaped(text: str) -> str:
    r"""Write the characters that cannot be shown, those that steer a terminal among them, as escapes.

    Examples
    --------
    >>> print(escaped("a\x1bb"))
    a\x1bb
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class FastsegError(Exception):
    """Base of all that fastseg raises on purpose."""


class InputError(FastsegError, ValueError):
    """A value that cannot be meant: says what was given, what was expected and what to do."""


class GridMismatchError(InputError):
    """Reference and prediction do not lie on the same grid, so their voxels do not correspond."""


class EmptyMaskError(InputError):
    """A metric was asked for a structure that one or both masks lack, under ``empty="raise"``."""


class CaseError(InputError):
    """Cases of a cohort could not be evaluated; the message names each of them and its reason."""


class InputTypeError(FastsegError, TypeError):
    """A value of a type that is not taken."""


class BackendNotAvailableError(FastsegError, RuntimeError):
    """The backend asked for cannot run here."""


class WorkersError(FastsegError, RuntimeError):
    """Worker processes cannot be started, or an executor or a cluster takes no more cases."""


class MissingPackageError(FastsegError, ImportError):
    """An optional package is not installed; the message says how to install it."""


class UntestedVersionError(MissingPackageError):
    """The version of a host that is installed is not one that its drop-ins were tested with."""


class BackendFallbackWarning(UserWarning):
    """A call was run by a slower backend than the best, or than the one asked for."""


class InputWarning(UserWarning):
    """Something was assumed of what was given, or left out; the message says what."""


#: of a whole message; what is not fastseg's in it was cut before
LONGEST_MESSAGE = 1000


def is_bad_input(error: BaseException) -> bool:
    """Tell an error about what was given or where it runs from a fault of fastseg's.

    The first fastseg or a file raises on purpose, or the memory does not suffice. A plain ValueError that comes up
    within NumPy, say, is a fault, and keeps its traceback.
    """
    return isinstance(error, (FastsegError, OSError, MemoryError))


def one_line(error: BaseException) -> str:
    """Write the message of an error as one line, cut where it is far too long."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return _cut(_out_of_memory(error))
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error)
    return _cut(text)


def _cut(text: str) -> str:
    """Make one line of a text, and leave out its middle where it is far too long: the reason stands at an end."""
    line = escaped(" ".join(text.split()))
    if len(line) <= LONGEST_MESSAGE:
        return line
    return f"{line[: LONGEST_MESSAGE * 2 // 3]} […] {line[-LONGEST_MESSAGE // 3 :]}"


def _out_of_memory(error: BaseException) -> str:
    """Say what did not fit, as far as the error tells."""
    text = " ".join(str(error).split())
    named = re.match(r"(.*?)Unable to allocate (.+?) for an array with shape (.+)", text)
    if named:  # NumPy's
        before, size, rest = named.groups()
        return f"{before}not enough memory: needs {size} for an array of shape {rest}"
    return f"not enough memory: {text}" if text else "not enough memory"
