"""Lab Streaming Layer: discovery, connections that survive a lost headset, and outlets.

This folder holds every call to pylsl. It never holds XDF files or arithmetic on clocks.
"""
