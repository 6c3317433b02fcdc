"""Flags: why a number of a row should not be trusted by itself."""

import importlib
import pkgutil

from fastseg.flags.facts import CaseFacts as CaseFacts
from fastseg.flags.raised import NO_FLAGS as NO_FLAGS
from fastseg.flags.raised import RaisedFlag as RaisedFlag
from fastseg.flags.raised import RaisedFlags as RaisedFlags
from fastseg.flags.raising import flags_of as flags_of
from fastseg.flags.registry import Chosen as Chosen
from fastseg.flags.registry import Flag as Flag
from fastseg.flags.registry import FlagsArgument as FlagsArgument
from fastseg.flags.registry import as_flags as as_flags
from fastseg.flags.registry import list_flags as list_flags

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
