"""Fuzzer of every reader with damaged files (see ``docs/bad-input.md``).

`mutate` damages bytes, texts and JSON documents. `targets` defines valid seeds and the use of each
kind of file. `worker` runs one target in its own process. ``python -m benchmarks.fuzz`` runs the
workers and prints the table.
"""
