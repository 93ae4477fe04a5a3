"""Example plug-ins: an encoder, a data set, a source, a headset and a music encoder."""
