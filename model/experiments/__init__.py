"""The tables of PersonalJazz with our own figures: `python -m model.experiments OUT`.

Players that the base has never heard (the held-out personas) are recorded as a musician would record himself, alone; adapters of many
kinds learn from that by the same way as `jamd learn`; `jamd evaluate`'s measures say how near each came, on recordings that nothing
learnt from. What is done is kept in OUT, and not done again.
"""
