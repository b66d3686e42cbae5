"""The audio codec: 48 kHz stereo to residual codes at 75 Hz and back, causal and streaming."""

from model.codec.codec import Codec, DecoderState, EncoderState

__all__ = ["Codec", "DecoderState", "EncoderState"]
