from .arrays import Arrays as Arrays
from .arrays import decode as decode
from .arrays import encode as encode
from .arrays import from_bytes as from_bytes
from .arrays import to_bytes as to_bytes
from .atomic import PRIVATE as PRIVATE
from .atomic import atomic_file as atomic_file
from .atomic import private as private
from .atomic import write_atomically as write_atomically
from .bounded import read_arrays as read_arrays
from .database import Connection as Connection
from .database import Database as Database
from .database import Schema as Schema
from .documents import plain as plain
from .names import bids_label as bids_label
from .names import free_path as free_path
from .names import safe_name as safe_name
from .names import unique_name as unique_name

__all__ = [
    "PRIVATE",
    "Arrays",
    "Connection",
    "Database",
    "Schema",
    "atomic_file",
    "bids_label",
    "decode",
    "encode",
    "free_path",
    "from_bytes",
    "plain",
    "private",
    "read_arrays",
    "safe_name",
    "to_bytes",
    "unique_name",
    "write_atomically",
]
