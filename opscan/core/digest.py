"""What tells contents apart, where nobody means to deceive."""

from importlib.util import source_hash


def digest(content: bytes) -> str:
    """16 hexadecimal digits: the hash by which Python sees whether compiled code is that of its source.

    hashlib brings OpenSSL, which takes longer to load than a profile that was read before.
    """
    return source_hash(content).hex()
