"""Events of a session: one vocabulary and one codec."""
