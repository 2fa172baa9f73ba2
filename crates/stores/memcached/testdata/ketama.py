"""Which server libmemcached asks for a key, for the test of our own ring.

    python3 -m venv scratch && scratch/bin/pip install pylibmc==1.6.3
    scratch/bin/python ketama.py >ketama.txt

pylibmc brings libmemcached 1.0.16 with it, which is asked here directly: no server needs to run.
"""

import ctypes
import glob
import os

import pylibmc

KETAMA_WEIGHTED = 16  # MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED
KEYS = 400

POOLS = [
    [("127.0.0.1", 11211, 1)],
    [("a", 11211, 1), ("b", 11211, 1)],
    [("cache-1.example", 11211, 1), ("cache-2.example", 11211, 1), ("cache-3.example", 11211, 1)],
    [("10.0.0.1", 11211, 1), ("10.0.0.1", 11212, 1), ("10.0.0.2", 11211, 1)],
    [("::1", 11211, 1), ("::1", 22122, 1), ("localhost", 22122, 1)],
    [("s%d" % n, 22122 + n, 1) for n in range(7)],
    [("a", 11211, 1), ("b", 11211, 2), ("c", 11211, 4)],
    [("10.0.0.%d" % n, 11211, weight) for n, weight in enumerate((1000, 333, 77, 1, 600))],
    [("s%d" % n, 11300, n % 3 + 1) for n in range(9)],
]

(path,) = glob.glob(os.path.join(os.path.dirname(pylibmc.__file__), "..", "pylibmc.libs", "libmemcached-*.so*"))
lib = ctypes.CDLL(path)
lib.memcached_create.restype = ctypes.c_void_p
lib.memcached_create.argtypes = [ctypes.c_void_p]
lib.memcached_free.argtypes = [ctypes.c_void_p]
lib.memcached_behavior_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64]
lib.memcached_behavior_get.argtypes = [ctypes.c_void_p, ctypes.c_int]
lib.memcached_behavior_get.restype = ctypes.c_uint64
lib.memcached_server_add_with_weight.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint16, ctypes.c_uint32]
lib.memcached_generate_hash.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
lib.memcached_generate_hash.restype = ctypes.c_uint32

for pool in POOLS:
    client = lib.memcached_create(None)
    assert lib.memcached_behavior_set(client, KETAMA_WEIGHTED, 1) == 0
    assert lib.memcached_behavior_get(client, KETAMA_WEIGHTED) == 1
    for host, port, weight in pool:
        assert lib.memcached_server_add_with_weight(client, host.encode(), port, weight) == 0
    keys = ["grantor:1.%032x" % n for n in range(KEYS)]
    servers = [lib.memcached_generate_hash(client, key.encode(), len(key)) for key in keys]
    lib.memcached_free(client)
    names = ["[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port) for host, port, _ in pool]
    weights = [str(weight) for _, _, weight in pool]
    print(",".join(names), ",".join(weights), "".join(str(server) for server in servers))
