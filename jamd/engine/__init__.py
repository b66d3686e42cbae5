"""The engine process: holds the model, writes the jam into the stream ring and clips into shared memory.

One thread. Between two model steps it takes in messages; the ring's depth tells it when to write the next block. The only
writer of `memory.stream`.
"""
