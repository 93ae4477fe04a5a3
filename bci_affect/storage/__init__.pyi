from .arrays import Arrays as Arrays
from .arrays import decode as decode
from .arrays import encode as encode
from .arrays import from_bytes as from_bytes
from .arrays import to_bytes as to_bytes

__all__ = [
    "Arrays",
    "decode",
    "encode",
    "from_bytes",
    "to_bytes",
]
