"""Print the estimates of a running session (requires only ``pip install pylsl``)."""

import pylsl

print("Looking for bci_affect.estimate ...", flush=True)
(found,) = pylsl.resolve_byprop("name", "bci_affect.estimate", timeout=60)
inlet = pylsl.StreamInlet(found)
labels = inlet.info().get_channel_labels()  # valence, arousal, ..., quality
offset = inlet.time_correction()  # from the sender's clock to this one

while True:
    values, time = inlet.pull_sample(timeout=5)
    if values is None:
        print("no sample for 5 s", flush=True)
        continue
    estimate = dict(zip(labels, values, strict=True))
    age = pylsl.local_clock() - (time + offset)  # of the last EEG sample used
    print(f"valence {estimate['valence']:+.2f}  arousal {estimate['arousal']:+.2f}  ", end="")
    print(f"confidence {estimate['confidence']:.0%}  {age * 1000:.0f} ms old", flush=True)
