"""The Qt window: draws what the session says, and sends the user's intents back.

What lives here: a model of what is shown (without Qt), views, and themes. What never will: LSL,
torch, and any step of the data path.
"""
