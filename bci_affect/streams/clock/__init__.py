"""Clocks: offsets between computers, causal dejittering of stamps, gaps and clock resets.

This folder holds the arithmetic that live streams and recordings share. It never holds LSL calls or
files.
"""
