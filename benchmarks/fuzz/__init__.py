"""Throws broken files at every reader and sees what becomes of it; see ``docs/bad-input.md``.

`mutate` breaks bytes, texts and JSON documents; `targets` holds, for each kind of file, healthy
seeds and what a user's program would do with a file; `worker` runs one target in a process of its
own; ``python -m benchmarks.fuzz`` drives the workers and prints the table.
"""
